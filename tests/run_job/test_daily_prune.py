"""Once a day a run has the old logs and journal days removed, by a process that nobody waits for."""

import os
import time
from pathlib import Path

import pytest

from kit.harness import Box, until

A_DAY = 86400


def old_log(box: Box) -> Path:
    path = box.output_directory / "job" / "job-20200101-000000-0123456789abcdef.log"
    path.write_text("long ago")
    return path


@pytest.mark.parametrize("days_ago", [2, -365], ids=["the day before yesterday", "a year ahead: the clock was wrong"])
def test_a_run_prunes_when_that_was_not_done_today(box: Box, days_ago: int) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    log, stamp = old_log(box), box.state_directory / "prune.stamp"
    done_at = time.time() - days_ago * A_DAY
    os.utime(stamp, (done_at, done_at))

    assert box.run("job").exit_code == 0

    until(lambda: not log.exists(), "the old log to be removed")
    assert abs(stamp.stat().st_mtime - time.time()) < A_DAY
    until(lambda: not is_held(stamp), "the daily prune to end")


def test_a_run_on_the_same_day_does_not_prune_again(box: Box) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    log = old_log(box)
    before = (box.state_directory / "prune.stamp").stat()

    assert box.run("job").exit_code == 0

    assert (box.state_directory / "prune.stamp").stat().st_mtime_ns == before.st_mtime_ns
    assert log.exists()


def is_held(path: Path) -> bool:
    """Whether a process has locked the file (flock(2)), by the kernel's list of locks."""
    inode = path.stat().st_ino
    return any(line.split()[5].endswith(f":{inode}") for line in Path("/proc/locks").read_text().splitlines())
