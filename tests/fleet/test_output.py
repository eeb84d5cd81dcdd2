"""What runs of the fleet print: read on their host, masked, or from their result when the host is gone."""

import signal
from typing import Any

import pytest

from kit import fleets
from kit.fleets import Fleet, result_of
from kit.harness import Box, until

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


def test_what_a_run_printed_that_was_lost_with_its_worker_is_read_when_that_is_back(host: Box) -> None:
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
