"""A scheduled start that is killed before it could record anything is recorded all the same, and may be made again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hanging_disk import hanging_disk
from harness import Box, Live, children, lives, until
from runs import ONE_SLOT, outcomes, records, script, skips, starts, waiting_for_a_lock


@contextmanager
def a_start_that_waits(box: Box) -> Iterator[tuple[Live, int]]:
    """A scheduled start that has claimed its slot and waits for the lock; yields it and its runner."""
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


def test_the_guard_records_the_start_that_its_killed_runner_did_not_and_the_slot_can_be_run_again(box: Box) -> None:
    with a_start_that_waits(box) as (waits, runner):
        os.kill(runner, signal.SIGKILL)
        code = waits.wait().exit_code
        (refusal,) = records(box, "refusal")

    again, once_more = box.run("--scheduled", "job"), box.run("--scheduled", "job")

    assert code == 137
    assert (refusal["job"], refusal["reason"], refusal["exit_code"]) == ("job", "runner_killed_before_start", 137)
    assert refusal["scheduled_at"] is not None
    assert (again.exit_code, once_more.exit_code) == (0, 0)
    assert [start["scheduled_at"] for start in starts(box)] == [None, refusal["scheduled_at"]]
    assert outcomes(box) == [("succeeded", None)] * 2


def test_with_guard_and_runner_killed_the_next_start_records_it_before_it_claims_a_slot(box: Box) -> None:
    with a_start_that_waits(box) as (waits, runner):
        for pid in (waits.pid, runner):
            os.kill(pid, signal.SIGSTOP)
        for pid in (waits.pid, runner):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(runner), "it to end")
        waits.wait()
    assert records(box, "refusal") == []

    box.run("--scheduled", "job")

    (refusal,) = records(box, "refusal")
    assert refusal["reason"] == "runner_killed_before_start"
    assert [start["scheduled_at"] for start in starts(box)] == [None, refusal["scheduled_at"]]


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
            result = live.wait(seconds=30)

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
