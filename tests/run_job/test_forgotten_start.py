"""A scheduled start that is killed before it could record anything is recorded all the same, and may be made again."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kit.hanging_disk import hanging_disk
from kit.harness import Box, Live, children, lives, until, wait_gone
from kit.runs import ANOTHER_SLOT, ONE_SLOT, outcomes, records, script, skips, starts, waiting_for_a_lock

pytestmark = pytest.mark.needs_utc
FIRST, SECOND = (f"{time.localtime().tm_year}-01-0{day}" for day in (1, 2))
"""The planned times of ONE_SLOT and ANOTHER_SLOT."""


@contextmanager
def a_start_that_waits(box: Box) -> Iterator[tuple[Live, int]]:
    """A scheduled start that has claimed its slot and waits for the lock; yields it and its runner.

    Its job runs at once when it is asked for after that.
    """
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"[ -e {box.root}/free ] && exit 0; echo > {started}; read line < {release}")
    box.job("job", f"command: {job}\n{ONE_SLOT}\non_overlap: queue")
    with box.start("job") as first:
        started.read_line()
        with box.start("--scheduled", "job", via="stub") as waits:
            until(lambda: waiting_for_a_lock(waits.pid), "it to wait for the lock")
            yield waits, children(waits.pid)[0]
            (box.root / "free").touch()
            release.write_line()
            first.wait()
            waits.wait()


def test_the_guard_records_the_start_that_its_killed_runner_did_not_and_the_slot_can_be_run_again(box: Box) -> None:
    with a_start_that_waits(box) as (waits, runner):
        os.kill(runner, signal.SIGKILL)
        code = waits.wait().exit_code
        (refusal,) = records(box, "refusal")
    told = box.process_control("check", "job")

    again, once_more = box.run("--scheduled", "job"), box.run("--scheduled", "job")

    assert code == 137
    assert (told.exit_code, f"its start at {refusal['at']} was refused" in told.stdout) == (1, True)
    assert box.process_control("check", "job").exit_code == 0
    assert (refusal["job"], refusal["reason"], refusal["exit_code"]) == ("job", "runner_killed_before_start", 137)
    assert refusal["scheduled_at"] is not None
    assert (again.exit_code, once_more.exit_code) == (0, 0)
    assert [start["scheduled_at"] for start in starts(box)] == [None, refusal["scheduled_at"]]
    assert outcomes(box) == [("succeeded", None)] * 2


def kill_start(start: Live, runner: int) -> None:
    """SIGKILL guard and runner as if in one instant: neither can act on the other's end."""
    for pid in (start.pid, runner):
        os.kill(pid, signal.SIGSTOP)
    for pid in (start.pid, runner):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(runner), "it to end")
    start.wait()


@contextmanager
def another_that_waits(box: Box, slot: str = ANOTHER_SLOT) -> Iterator[tuple[Live, int]]:
    """Another start of the same job, for a later slot, that waits too; the schedule stays."""
    text = (box.job_directory / "job.yaml").read_text()
    box.job("job", re.sub(r"schedule: .*", slot.partition("\n")[0], text))
    with box.start("--scheduled", "job", via="stub") as waits:
        until(lambda: waiting_for_a_lock(waits.pid), "it to wait for the lock")
        runner = children(waits.pid)[0]
        yield waits, runner
    wait_gone(runner)  # it sees that its guard is gone, and may record that


def killed_before_start(box: Box) -> list[str]:
    """Return the planned times of the starts that were told as killed, in the order in which they were told."""
    told = records(box, "refusal")
    assert {refusal["reason"] for refusal in told} <= {"runner_killed_before_start"}
    return [refusal["scheduled_at"][:10] for refusal in told]


def test_with_guard_and_runner_killed_the_next_start_records_it_before_it_claims_a_slot(box: Box) -> None:
    with a_start_that_waits(box) as (waits, runner):
        kill_start(waits, runner)
    assert records(box, "refusal") == []

    box.run("--scheduled", "job")

    assert box.process_control("check", "job").exit_code == 0
    (refusal,) = records(box, "refusal")
    assert refusal["reason"] == "runner_killed_before_start"
    assert [start["scheduled_at"] for start in starts(box)] == [None, refusal["scheduled_at"]]


def test_of_two_starts_that_wait_each_is_told_once_when_it_was_killed(box: Box) -> None:
    with a_start_that_waits(box) as first, another_that_waits(box) as second:
        kill_start(*first)
        kill_start(*second)
    assert killed_before_start(box) == []

    for _ in range(3):
        box.run("--scheduled", "job")

    assert sorted(killed_before_start(box)) == [FIRST, SECOND]
    assert [start["scheduled_at"] for start in starts(box)] == [None, f"{SECOND}T00:00:00.000Z"]


def test_the_first_of_two_that_wait_is_told_by_the_next_start_while_the_second_goes_on_waiting(box: Box) -> None:
    with a_start_that_waits(box) as first, another_that_waits(box) as second:
        kill_start(*first)
        with another_that_waits(box, 'schedule: "0 0 3 1 *"'):
            told = killed_before_start(box)
            kill_start(*second)
    box.job("job", "command: 'true'\nschedule: '0 0 4 1 *'\nstart_within: 400d")
    for _ in range(2):
        box.run("--scheduled", "job")

    assert told == [FIRST]
    assert killed_before_start(box) == [FIRST, SECOND]


def test_a_guard_records_the_first_of_two_that_wait_once_and_nobody_tells_it_again(box: Box) -> None:
    with a_start_that_waits(box) as (waits, runner), another_that_waits(box):
        os.kill(runner, signal.SIGKILL)
        waits.wait()
        told = killed_before_start(box)
    box.run("--scheduled", "job")
    box.job("job", "command: 'true'\nschedule: '0 0 3 1 *'\nstart_within: 400d")
    box.run("--scheduled", "job")

    assert told == killed_before_start(box) == [FIRST]
    assert (box.state_directory / "jobs/job/claims").exists() is False


def test_two_starts_that_wait_and_run_are_not_taken_for_forgotten_ones(box: Box) -> None:
    with ExitStack() as until_its_end:
        with a_start_that_waits(box):
            second, _ = until_its_end.enter_context(another_that_waits(box))
        second.wait()
    box.job("job", "command: 'true'\nschedule: '0 0 3 1 *'\nstart_within: 400d")
    box.run("--scheduled", "job")

    assert killed_before_start(box) == []
    assert len(outcomes(box)) == 4


def test_a_runner_that_is_killed_while_nobody_reads_its_report_has_had_its_run(box: Box) -> None:
    noisy = script(box, "job.sh", "yes | head -c 200000 >&2; exit 3")
    box.job("job", f"command: {noisy}\n{ONE_SLOT}")
    with box.start("--scheduled", "job", via="stub") as live:
        until(lambda: outcomes(box), "its run to end")
        [runner] = children(live.pid)
        until(lambda: "pipe_write" in Path(f"/proc/{runner}/wchan").read_text(), "it to wait for a reader")
        box.job("job", f"command: 'true'\n{ANOTHER_SLOT}")
        box.run("--scheduled", "job")
        os.kill(runner, signal.SIGKILL)
        result = live.wait()

    assert records(box, "refusal") == []
    assert (result.exit_code, "job: lost: " in result.stderr) == (137, False)
    assert "its runner was killed after the end of its run, which is recorded" in result.stderr
    assert [outcome for outcome, _ in outcomes(box)] == ["failed", "succeeded"]


def test_a_run_by_hand_after_a_planned_one_does_not_make_that_a_forgotten_start(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    box.run("job")
    box.run("--scheduled", "job")
    box.job("job", f"command: 'true'\n{ANOTHER_SLOT}")
    box.run("--scheduled", "job")

    assert killed_before_start(box) == []
    assert [(start["scheduled_at"] or "by hand")[:10] for start in starts(box)] == [
        FIRST,
        "by hand",
        SECOND,
    ]


def test_a_start_that_waited_when_the_host_went_down_is_told_after_the_boot(box: Box) -> None:
    with a_start_that_waits(box) as start:
        kill_start(*start)
    block = box.state_directory / "jobs/job/block"
    content = block.read_bytes()
    boot = content[64:128].split()[4]
    block.write_bytes(content[:128].replace(boot, b"abcdef01") + content[128:])

    box.run("--scheduled", "job")
    box.run("--scheduled", "job")

    assert killed_before_start(box) == [FIRST]
    assert [start["scheduled_at"] for start in starts(box)] == [None, f"{FIRST}T00:00:00.000Z"]


def test_a_start_that_was_skipped_is_not_taken_for_a_forgotten_one(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}\ndisabled: true")
    box.run("--scheduled", "job")
    box.job("job", f"command: 'true'\n{ONE_SLOT}")

    box.run("--scheduled", "job")

    assert records(box, "refusal") == []
    assert starts(box) == []
    assert [skip["reason"] for skip in skips(box)] == ["disabled"]


@pytest.mark.needs_root
def test_a_start_that_hung_before_it_had_read_its_job_is_recorded_by_the_guard(box: Box) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    with hanging_disk(box.root / "disk") as disk:
        box.configure(job_directory=str(disk / "jobs"))
        with box.start("--scheduled", "job", via="stub") as live:
            until(lambda: children(live.pid), "the runner")
            os.kill(children(live.pid)[0], signal.SIGKILL)
            result = live.wait()

    assert result.exit_code == 137
    (refusal,) = records(box, "refusal")
    assert (refusal["reason"], refusal["scheduled_at"]) == ("runner_killed_before_start", None)


def test_a_start_that_waits_leaves_a_record_of_its_planned_time(box: Box) -> None:
    with a_start_that_waits(box) as (waits, _):
        (waiting,) = records(box, "waiting")
        waits.signal(signal.SIGTERM)
        waits.wait()

    assert waiting["scheduled_at"] is not None
    assert waiting["detail"].startswith("run ")
