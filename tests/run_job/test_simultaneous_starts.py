"""However many start a job in the same instant, it runs once."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.harness import Box, Live, Storm
from kit.runs import ONE_SLOT, ended_first, ends, outcomes, records, script, starts

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
#: One second for as many runs as one likes; {} where libfaketime is not installed.
STANDING_CLOCK = (
    {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": "2026-11-28 12:00:00",
        "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    if LIBRARY
    else {}
)


@contextmanager
def gate(box: Box) -> Iterator[list[str]]:
    """Hold back all commands behind the words that this gives, and let them go in one instant at the end."""
    path = box.root / "gate"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield ["flock", "--shared", "--close", str(path)]
    finally:
        os.close(descriptor)


def starters(box: Box, count: int, *arguments: str) -> list[Live]:
    """Start `run-job` so many times, as cron's line does, all in the same instant."""
    with gate(box) as behind:
        return [box.start_command([*behind, *box.product.stub_words, *arguments]) for _ in range(count)]


@pytest.mark.fault("1,000 simultaneous starters", small=30, full=1000, wanted="1 run, the others 75")
def test_of_many_starts_by_hand_in_the_same_instant_one_runs_and_the_others_exit_75(box: Box, storm: Storm) -> None:
    count = storm.size
    release = box.fifo("release")
    job = script(box, "job.sh", f"echo ran; read line < {release}")
    box.job("once", f"command: {job}")

    lives = starters(box, count, "once")
    ended = ended_first(lives, count - 1)
    release.write_line()
    (running,) = [live for live in lives if live not in ended]
    refused = [live.wait() for live in ended]

    assert running.wait().exit_code == 0
    assert Counter(result.exit_code for result in refused) == {75: count - 1}
    assert all(result.stderr.startswith("once: already running: ") for result in refused), refused[0]
    assert len(starts(box)) == 1
    assert outcomes(box) == [("succeeded", None)]
    assert box.log_bytes("once") == b"ran\n"
    storm.found(f"1 run, {len(refused)} × 75")


@pytest.mark.fault("1,000 simultaneous starters of one slot", small=30, full=1000, wanted="1 run, all 0 in silence")
def test_of_many_scheduled_starts_in_one_slot_one_runs_and_all_exit_0_in_silence(box: Box, storm: Storm) -> None:
    count = storm.size
    box.job("once", f"command: echo ran\n{ONE_SLOT}")

    results = [live.wait() for live in starters(box, count, "--scheduled", "once")]

    assert Counter((result.stdout, result.stderr, result.exit_code) for result in results) == {("", "", 0): count}
    assert len(starts(box)) == 1
    assert outcomes(box) == [("succeeded", None)]
    assert len(box.logs("once")) == 1


@pytest.mark.fault("2 starters × 1,000", small=13, full=1000, wanted="no double")
def test_two_starters_at_a_time_never_run_a_job_twice(box: Box, storm: Storm) -> None:
    """The job itself notices an overlap: the directory is there already."""
    alone = box.root / "alone"
    job = script(box, "job.sh", f"mkdir {alone} && rmdir {alone}")
    box.job("alone", f"command: {job}")

    codes: Counter[int] = Counter()
    for _ in storm.rounds():
        codes += Counter(live.wait().exit_code for live in starters(box, 2, "alone"))

    assert set(codes) <= {0, 75}
    assert codes[0] == len(starts(box)) == len(ends(box)) >= storm.size
    assert set(outcomes(box)) == {("succeeded", None)}
    storm.found(f"{codes[0]:,} runs one after the other, {codes[75]:,} × 75, no double")


@pytest.mark.fault("3 jobs that share a lock, at once", small=6, full=300, wanted="no double")
def test_jobs_that_share_a_lock_never_run_together(box: Box, storm: Storm) -> None:
    alone = box.root / "alone"
    job = script(box, "job.sh", f"mkdir {alone} && rmdir {alone}")
    for slug in ("one", "two", "three"):
        box.job(slug, f"command: {job}\nlock: one")

    for _ in storm.rounds():
        with gate(box) as behind:
            lives = [box.start_command([*behind, str(box.product.run_job), slug]) for slug in ("one", "two", "three")]
        codes = [live.wait().exit_code for live in lives]
        assert set(codes) <= {0, 75}
        assert 0 in codes

    assert set(outcomes(box)) == {("succeeded", None)}


@pytest.mark.fault("10 runs in one second", wanted="10 logs")
def test_ten_runs_in_one_second_have_ten_logs(box: Box) -> None:
    box.job("quick", "command: echo quick")

    results = [box.run("quick", via="stub", env=STANDING_CLOCK) for _ in range(10)]

    assert [result.exit_code for result in results] == [0] * 10, results
    assert len({path.name for path in box.logs("quick")}) == 10
    seconds = {path.name[: len("quick-YYYYmmdd-HHMMSS")] for path in box.logs("quick")}
    assert seconds == {"quick-20261128-120000"} or not STANDING_CLOCK
    assert all(path.read_bytes() == b"quick\n" for path in box.logs("quick"))


@pytest.mark.fault("200 jobs at once", small=10, full=200, wanted="each its log and its records")
def test_two_runs_at_once_of_two_jobs_disturb_each_other_in_nothing(box: Box, storm: Storm) -> None:
    count = storm.size
    for number in range(count):
        box.job(f"job-{number}", f"command: echo {number}")

    with gate(box) as behind:
        lives = [box.start_command([*behind, str(box.product.run_job), f"job-{number}"]) for number in range(count)]
    results = [live.wait() for live in lives]

    assert {result.exit_code for result in results} == {0}
    assert [box.log_bytes(f"job-{number}") for number in range(count)] == [b"%d\n" % number for number in range(count)]
    assert len(records(box, "start")) == len(records(box, "end")) == count
