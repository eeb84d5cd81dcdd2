"""`logs` over several runs and jobs: --grep, --since, no JOB at all; and logs that are too large to be read."""

import gzip
import json
import os
import resource
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from kit.builders import NOON
from kit.desk import Desk
from kit.harness import Box

HOUR = timedelta(hours=1)


def run_with_log(desk: Desk, *chunks: tuple[float, str, bytes], job: str = "purge", hour: int = 0) -> str:
    at = NOON + hour * HOUR
    log = desk.state.log(job, *chunks, at=at, name=f"{hour:016}")
    return desk.state.run(job, at, log=log)


@pytest.fixture
def two_jobs(desk: Desk) -> Desk:
    desk.job("purge")
    desk.job("fetch")
    run_with_log(desk, (0.5, "o", b"old rows: 7\n"), (0.6, "e", b"warning: slow\n"))
    run_with_log(desk, (0.5, "o", b"rows: 8\n"), (30, "o", b"end\n"), hour=1)
    run_with_log(desk, (10, "o", b"rows: 9\n"), job="fetch", hour=1)
    return desk


def test_without_a_job_the_last_run_of_each_is_shown_in_the_order_of_time(two_jobs: Desk) -> None:
    result = two_jobs.process_control("logs")

    assert (result.stdout, result.exit_code) == ("purge\trows: 8\nfetch\trows: 9\npurge\tend\n", 0)
    assert two_jobs.process_control("logs", "-n", "1").stdout == "purge\tend\n"


@pytest.mark.parametrize(
    ("arguments", "shown", "code"),
    [
        (["purge", "--grep", "rows: [0-9]"], "old rows: 7\nrows: 8\n", 0),
        (["purge", "--grep", "^rows"], "rows: 8\n", 0),
        (["purge", "--grep", "rows", "-n", "1"], "rows: 8\n", 0),
        (["purge", "--grep", "slow", "--stdout"], "", 1),
        (["--grep", "rows: [89]"], "purge\trows: 8\nfetch\trows: 9\n", 0),
        (["--grep", "nothing"], "", 1),
        (["--since", "2026-03-10T13:00:05+00:00"], "fetch\trows: 9\npurge\tend\n", 0),
        (["purge", "--since", "2026-03-10T12:00:01+00:00"], "rows: 8\nend\n", 0),
        (["purge", "--since", "2026-03-10T13:00:31+00:00"], "", 0),
        (
            ["purge", "--grep", "rows", "--times"],
            "2026-03-10T12:00:00.500Z\tout\told rows: 7\n2026-03-10T13:00:00.500Z\tout\trows: 8\n",
            0,
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_lines_are_found_in_all_kept_runs(two_jobs: Desk, arguments: list[str], shown: str, code: int) -> None:
    result = two_jobs.process_control("logs", *arguments)

    assert (result.stdout, result.stderr, result.exit_code) == (shown, "", code)


def test_one_run_can_be_searched_alone(two_jobs: Desk) -> None:
    old = two_jobs.json("logs", "purge", "--grep", "old", "--json")["lines"][0]

    assert old["job"] == "purge"
    assert two_jobs.process_control("logs", "--run", old["run_id"], "--grep", "rows").stdout == "old rows: 7\n"
    assert two_jobs.process_control("logs", "--run", old["run_id"], "--grep", "8").exit_code == 1


def test_a_removed_log_is_not_missed_by_a_search(two_jobs: Desk) -> None:
    min(Path(two_jobs.state.logs).rglob("purge*.log")).unlink()

    assert two_jobs.process_control("logs", "purge", "--grep", "rows").stdout == "rows: 8\n"


def test_a_compressed_log_is_read(two_jobs: Desk) -> None:
    for log in Path(two_jobs.state.logs).rglob("*.log"):
        Path(f"{log}.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()

    assert two_jobs.process_control("logs", "purge", "--grep", "slow|end").stdout == "warning: slow\nend\n"
    assert two_jobs.process_control("logs", "purge", "-n", "1").stdout == "end\n"


def test_what_is_masked_cannot_be_found(desk: Desk) -> None:
    secrets = desk.root / "secrets"
    secrets.write_text("TOKEN=correct-horse\n")
    secrets.chmod(0o600)
    desk.job("purge", f"command: /bin/true\nenvironment_file: {secrets}")
    run_with_log(desk, (0.5, "o", b"token correct-horse \x1b[1m\n"))

    assert desk.process_control("logs", "purge", "--grep", "horse").exit_code == 1
    assert desk.process_control("logs", "purge", "--grep", "token").stdout == "token *** \\x1b[1m\n"
    assert desk.process_control("logs", "purge", "--grep", "horse", "--raw").stdout == "token correct-horse \x1b[1m\n"


@pytest.mark.parametrize(("regex", "code"), [("(", 2), ("(a+)+$", 2)])
def test_a_bad_regex_does_not_hang(desk: Desk, regex: str, code: int) -> None:
    run_with_log(desk, (0.5, "o", (b"a" * 60 + b"!\n") * 2000))

    result = desk.process_control("logs", "purge", "--grep", regex)

    assert result.exit_code == code
    assert result.stderr.startswith(f"--grep {regex}: ")


def test_a_regex_too_slow_for_one_line_still_searches_the_others(desk: Desk) -> None:
    run_with_log(desk, (0.5, "o", b"a" * 60 + b"!\n" + b"aaa\n"))

    result = desk.process_control("logs", "purge", "--grep", "^(a+)+$")

    assert (result.stdout, result.exit_code) == ("aaa\n", 0)
    assert result.stderr == "1 lines were not searched: the regex takes too long for them\n"


def test_an_unknown_job_and_odd_flags_are_refused(two_jobs: Desk) -> None:
    assert two_jobs.process_control("logs", "nothing", "--grep", "x").exit_code == 66
    assert two_jobs.process_control("logs", "nothing", "-f").exit_code == 66
    assert two_jobs.process_control("logs", "--since", "soon").exit_code == 2
    assert two_jobs.process_control("logs", "purge", "-f", "--attempt", "1").exit_code == 2


# --- large ones ----------------------------------------------------------------------------------------------------


def grow(log: Path, size: int, last: bytes) -> None:
    """Make a log of `size` bytes, nearly all of it a hole, with a line at its end that its index does not have."""
    with open(log, "r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(b"\n" + last)


def test_a_huge_log_opens_at_its_end(box: Box) -> None:
    box.job("big", "command: seq 1 5")
    box.run("big")
    grow(box.logs("big")[0], 4 << 30, b"nearly\nlast\n")

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = box.process_control("logs", "big", "-n", "2")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert (result.stdout, result.exit_code) == ("nearly\nlast\n", 0)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_a_long_index_is_read_from_its_end(desk: Desk) -> None:
    desk.job("purge")
    pieces = [(number / 1e4, "oe"[number % 7 == 0], b"line %d\n" % number) for number in range(50_000)]
    run_with_log(desk, *pieces, (30, "e", b"begun"), (31, "o", b"x" * 300_000 + b"\n"), (32, "e", b" ended\n"))

    told = desk.json("logs", "purge", "-n", "7", "--json")["lines"]

    assert [(line["at"][-7:], line["stream"], line["text"][:12]) for line in told][:1] == [
        ("04.999Z", "out", "line 49999")
    ]
    assert told[-1]["text"] == "begun ended"
    assert desk.process_control("logs", "purge", "-n", "3", "--stderr").stdout == (
        "line 49987\nline 49994\nbegun ended\n"
    )


def test_a_search_keeps_nothing_in_memory(box: Box) -> None:
    """Measured as what a search of 64 MB needs beyond one of nothing: the rest is Python."""
    box.job("big", "command: sh -c 'echo here'")
    box.run("big")
    empty = peak_kilobytes(box, "big")
    with open(box.logs("big")[0], "r+b") as file:
        file.writelines((b"x" * 99 + b"\n") * 10_000 for _ in range(64))

    assert peak_kilobytes(box, "big") - empty < 8 << 10


def peak_kilobytes(box: Box, job: str) -> int:
    script = (
        "import json, resource, subprocess, sys; "
        "done = subprocess.run(sys.argv[1:], capture_output=True); "
        "print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))"
    )
    words = ["python3", "-c", script, str(box.product.process_control), "logs", job, "--grep", "nowhere"]
    told = subprocess.run(words, env={**os.environ, **box.environment_for(None)}, capture_output=True, check=True)
    code, peak = json.loads(told.stdout)
    assert code == 1
    return int(peak)
