"""What runs of the fleet print: read on their host, masked, or from their result when the host is gone."""

import os
import signal
import time
from typing import Any

import pytest

from kit import fleets
from kit.fleets import LEASE, Fleet, result_of
from kit.harness import Box, until
from process_control.config.settings import load_settings
from process_control.fleet.output import (
    MAX_CHARACTERS,
    MAX_ROWS,
    PIECE_ROWS,
    bounded,
    bounded_words,
    lines_of,
    piece,
    written,
)
from process_control.history.log_line import Line
from process_control.state.past_runs import open_index

SECRET = "hunter2-and-more"
GONE = "host talks1 does not answer: these are the last 64 KiB, which came with the result of the run\n"


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box)
    return box


def test_the_log_is_read_on_its_host_and_its_end_when_the_host_is_gone(host: Box) -> None:
    secrets = host.root / "secrets"
    secrets.write_text(f"TOKEN={SECRET}\n")
    secrets.chmod(0o600)
    command = "sh -c 'seq 1 40000; echo \"token $TOKEN\"; echo broken >&2; exit 3'"
    host.job("talks", f"command: {command}\nenvironment_file: {secrets}")
    host.process_control("fleet", "apply")
    with fleets.worker(host, "talks1"):
        host.process_control("run", "talks", "--fleet")
        until(lambda: result_of(host, "talks"), "the end")
        whole = host.process_control("logs", "talks", "--fleet")
        some = host.process_control("logs", "talks", "--fleet", "-n", "2", "--times")
        of_one_stream = host.process_control("logs", "talks", "--fleet", "--stderr", "--json")
    end = host.process_control("logs", "talks", "--fleet")

    lines = [str(number) for number in range(1, 40001)]
    assert sorted(whole.stdout.splitlines()) == sorted([*lines, "token ***", "broken"])
    assert (whole.stderr, whole.exit_code) == ("", 0)
    last = [line.split("\t") for line in some.stdout.splitlines()]
    assert [text for *_, text in last] == whole.stdout.splitlines()[-2:]
    assert all(stream == ("err" if text == "broken" else "out") for _, stream, text in last)
    answer = of_one_stream.json()
    assert [(line["stream"], line["text"]) for line in answer["lines"]] == [("err", "broken")]
    assert answer["run"]["host"] == "talks1"
    assert (end.stderr, end.exit_code) == (GONE, 0)
    kept = end.stdout.splitlines()
    assert set(kept) < set(whole.stdout.splitlines())
    assert {"token ***", "40000"} < set(kept)
    assert "1" not in kept
    assert 16 << 10 < len(end.stdout) <= 64 << 10


def test_what_a_run_prints_is_read_while_it_runs(host: Box) -> None:
    begun, done = host.fifo("begun"), host.fifo("done")
    host.job("prints", f"command: sh -c 'echo so far; echo up > {begun}; read line < {done}'")
    host.process_control("fleet", "apply")
    with fleets.worker(host, "talks2"):
        host.process_control("run", "prints", "--fleet")
        begun.read_line()
        so_far = until(lambda: host.process_control("logs", "prints", "--fleet").stdout, "the first line")
        done.write_line()
        until(lambda: result_of(host, "prints"), "the end")
    unknown = host.process_control("logs", "prints", "--fleet", "--run", "nowhere")

    assert so_far == "so far\n"
    assert unknown.exit_code == 66
    assert "the fleet knows no run 'nowhere' of it" in unknown.stderr


def test_what_a_run_printed_that_was_lost_with_its_worker_is_read_when_that_is_back(fleet: Fleet, host: Box) -> None:
    fleet.configure(host, lease=LEASE)
    begun = host.fifo("begun")
    host.job("dies", f"command: sh -c 'echo last words; echo up > {begun}; exec sleep 1000'")
    host.process_control("fleet", "apply")
    with fleets.worker(host, "talks3") as worker:
        host.process_control("run", "dies", "--fleet")
        begun.read_line()
        until(lambda: host.process_control("logs", "dies", "--fleet").stdout, "the first words")
        worker.signal(signal.SIGKILL)
        until(lambda: result_of(host, "dies"), "the verdict", seconds=40)
    with fleets.worker(host, "talks3"):
        log = host.process_control("logs", "dies", "--fleet", "--json").json()

    def history() -> list[dict[str, Any]]:
        answer = host.process_control("history", "dies", "--fleet", "--since", "1h", "--json")
        assert answer.exit_code == 0, str(answer)
        runs: list[dict[str, Any]] = answer.json()["runs"]
        return runs

    (run,) = until(lambda: [each for each in history() if each["outcome"] is not None], "its end in the history")

    assert (log["run"]["host"], [line["text"] for line in log["lines"]]) == ("talks3", ["last words"])
    assert (run["outcome"], run["reason"]) == ("lost", "host_down")


def test_a_piece_costs_what_is_shown_and_not_all_that_is_read_for_it(box: Box) -> None:
    coloured = box.root / "coloured"
    coloured.write_bytes((b"\x1b[31mx\x1b[0m " * 370 + b"\n") * 1500)
    secrets = box.root / "secrets"
    secrets.write_text(f"TOKEN={SECRET}\n")
    secrets.chmod(0o600)
    box.job("plain", f"command: cat {coloured}")
    box.job("masked", f"command: cat {coloured}\nenvironment_file: {secrets}")
    settings = load_settings(str(box.configuration), dict(os.environb))

    def seconds(job: str) -> float:
        box.run(job)
        with open_index(settings.state_directory) as index:
            (run,) = index.runs(jobs=[job])
        begin = time.process_time()
        text, older, _ = piece(settings, run, None)
        found = time.process_time() - begin
        assert (len(text) < 300_000, older is not None) == (True, True)
        return found

    assert seconds("masked") < 4 * seconds("plain") + 0.4


# --- what another host sends -----------------------------------------------------------------------------------------


def test_lines_go_over_the_wire_and_come_back_as_they_were() -> None:
    rows = [
        Line(0.25, "o", b"caf\xc3\xa9 \x1b[31mred"),
        Line(None, "e", b"", ends=False),
        Line(3e8, "x", b"", dropped=10**12),
    ]

    assert lines_of(written(rows)) == rows


@pytest.mark.parametrize(
    ("row", "seconds", "text", "dropped"),
    [
        ("o nan x", None, b"x", 0),
        ("o -1 x", None, b"x", 0),
        ("o 1e308 x", None, b"x", 0),
        ("o 1.5 \ud800", 1.5, b"\xed\xa0\x80", 0),
        (f"x 1.5 {'9' * 5000}", 1.5, b"", 0),
        ("x 1.5 -3", 1.5, b"", 0),
    ],
    ids=["no number", "negative", "endless", "half a character", "a long number", "less than none"],
)
def test_a_line_of_another_host_has_a_time_and_a_number_that_make_sense(
    row: str, seconds: float | None, text: bytes, dropped: int
) -> None:
    (line,) = lines_of(row)

    assert (line.seconds, line.text, line.dropped) == (seconds, text, dropped)


def test_of_what_another_host_sends_no_more_is_taken_than_a_piece_may_have() -> None:
    of_many_rows = bounded("o  \n" * (2 * MAX_ROWS) + "o  last\n")
    of_a_long_row = bounded("o  first\n" + "e  " + "x" * (2 * MAX_CHARACTERS) + "\no  last\n")
    largest = "".join(f"o {number}.123456 {chr(92)}xff\n" for number in range(PIECE_ROWS))

    assert (len(lines_of(of_many_rows)), lines_of(of_many_rows)[-1].text) == (MAX_ROWS, b"last")
    assert [line.text for line in lines_of(of_a_long_row)] == [b"last"]
    assert bounded(largest) == largest
    assert [len(each) for each in bounded_words(["x" * 1000] * 100)] == [500] * 10
    assert bounded_words(["one\ntwo"]) == ["one two"]
