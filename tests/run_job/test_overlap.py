"""What a start does while the lock is held: skip, queue, replace, fail, refuse; alone or with a shared lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from kit.harness import Box, Fifo, Live, TookTooLong, children, lives, until
from kit.runs import ANOTHER_SLOT, ONE_SLOT, ends, kill_both, outcomes, script, skips, starts, waiting_for_a_lock
from process_control.core import layout
from process_control.system import lock


@contextmanager
def holder(box: Box, slug: str = "job", extra: str = "") -> Iterator[tuple[Live, Fifo]]:
    """A run that holds its lock until it is told to go on; further runs of the job go straight through."""
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"[ -e {box.root}/free ] && exit 0; echo > {started}; read line < {release}")
    box.job(slug, f"command: {job}\n{extra}")
    with box.start(slug) as live:
        started.read_line()
        (box.root / "free").touch()
        yield live, release


def test_a_scheduled_start_that_meets_a_run_is_skipped_quietly(box: Box) -> None:
    with holder(box, extra=ONE_SLOT) as (live, release):
        result = box.run("--scheduled", "job")
        holding = box.block("job")
        release.write_line()
        assert live.wait().exit_code == 0

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    (skip,) = skips(box)
    assert (skip["outcome"], skip["reason"], skip["trigger"]) == ("skipped", "overlap", "cron")
    assert skip["detail"] == f"run {holding['run_id']} since {holding['started_at']} (pid {holding['pid']})"
    assert skip["scheduled_at"] is not None
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.parametrize("spelling", ["on_overlap: fail", "allow_overtime: false"])
def test_with_fail_a_scheduled_start_is_a_failed_run_that_is_told(box: Box, spelling: str) -> None:
    with holder(box, extra=f"{ONE_SLOT}\n{spelling}") as (live, release):
        scheduled, by_hand = box.run("--scheduled", "job"), box.run("job")
        release.write_line()
        assert live.wait().exit_code == 0

    assert (scheduled.exit_code, by_hand.exit_code) == (75, 75)
    assert scheduled.stderr.startswith("job: failed: run ")
    assert by_hand.stderr.startswith("job: already running: run ")
    assert outcomes(box) == [("failed", "overlap"), ("succeeded", None)]
    assert box.health("job")["failures_in_row"] == 0
    assert len(starts(box)) == 1


def test_with_queue_starts_wait_and_then_run(box: Box) -> None:
    with holder(box, extra=f"{ONE_SLOT}\non_overlap: queue") as (live, release):
        waiting = [box.start("job"), box.start("--scheduled", "job")]
        for each in waiting:
            until(lambda each=each: children(each.pid), "the runner to be there")
        release.write_line()
        codes = [each.wait().exit_code for each in (live, *waiting)]

    assert codes == [0, 0, 0]
    assert outcomes(box) == [("succeeded", None)] * 3


def test_wait_queues_whatever_the_job_says(box: Box) -> None:
    with holder(box) as (live, release):
        waiting = box.start("--wait", "job")
        until(lambda: children(waiting.pid), "the runner to be there")
        release.write_line()
        results = [live.wait(), waiting.wait()]

    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 2
    assert len(starts(box)) == 2


def test_a_wait_that_is_over_by_hand_is_75_and_says_for_how_long(box: Box) -> None:
    with holder(box) as (live, release):
        result = box.run("--wait=0.2", "job")
        release.write_line()
        live.wait()

    assert result.exit_code == 75
    assert result.stderr.startswith("job: waited 0.2 s: run ")
    assert len(starts(box)) == 1


def test_a_queue_that_is_too_long_is_skipped_when_scheduled(box: Box) -> None:
    with holder(box, extra=f"{ONE_SLOT}\non_overlap: queue\nqueue_timeout: 0.2") as (live, release):
        result = box.run("--scheduled", "job")
        release.write_line()
        live.wait()

    assert (result.stderr, result.exit_code) == ("", 0)
    assert [(skip["reason"], skip["detail"][:13]) for skip in skips(box)] == [("overlap", "waited 0.2 s:")]


def test_with_replace_a_scheduled_start_stops_the_run_and_takes_its_place(box: Box) -> None:
    with holder(box, extra=f"{ONE_SLOT}\non_overlap: replace") as (live, _):
        second = box.run("--scheduled", "job")
        first = live.wait()

    assert (first.exit_code, second.exit_code) == (143, 0)
    assert outcomes(box) == [("failed", "stopped"), ("succeeded", None)]


def test_replace_finds_a_run_whose_start_has_just_taken_the_lock(box: Box) -> None:
    box.job("job", "command: 'true'")
    box.run("job")  # its health is there
    asked, go_on = box.fifo("asked"), box.fifo("go_on")
    job = script(box, "job.sh", '[ "$PROCESS_CONTROL_TRIGGER" = cron ] || exec sleep 1000')
    condition = script(box, "if.sh", f"rm {box.root}/first || exit 0; echo up > {asked}; read line < {go_on}")
    (box.root / "first").touch()
    box.job("job", f"command: {job}\nonly_if: {condition}\n{ONE_SLOT}\non_overlap: replace")
    with box.start("--scheduled", "job") as second:
        asked.read_line()
        short_lock = os.open(layout.short_lock(str(box.state_directory), "job"), os.O_RDWR)
        fcntl.flock(short_lock, fcntl.LOCK_EX)  # a start by hand needs it between its lock and its block
        with box.start("job", "--force") as first:
            until(lambda: waiting_for_a_lock(first.pid), "the first to have the lock, and no run yet")
            go_on.write_line()
            with suppress(TookTooLong):
                until(lambda: waiting_for_a_lock(second.pid), "the second to wait without a look", seconds=1)
            os.close(short_lock)
            codes = (first.wait(seconds=20).exit_code, second.wait().exit_code)

    assert codes == (143, 0)
    assert outcomes(box)[1:] == [("failed", "stopped"), ("succeeded", None)]


def test_a_planned_time_is_not_skipped_for_a_lost_run_that_is_being_recorded(box: Box) -> None:
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo $$ > {started}; exec sleep 1000'")
    with box.start("job") as live:
        pid = int(started.read_line())
        kill_both(box, "job")
        live.wait()
    until(lambda: not lives(pid), "the command to end")
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    settling = lock.take(str(box.state_directory / "run"), "job")  # as `watch` does while it records a lost run
    assert settling is not None

    with box.start("--scheduled", "job") as planned:
        until(lambda: waiting_for_a_lock(planned.pid) or not lives(planned.pid), "it to wait for the lock")
        os.close(settling)
        assert planned.wait().exit_code == 0

    assert skips(box) == []
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]


def test_by_hand_replace_refuses_like_the_others(box: Box) -> None:
    with holder(box, extra="on_overlap: replace") as (live, release):
        result = box.run("job")
        release.write_line()
        assert live.wait().exit_code == 0

    assert result.exit_code == 75


def test_jobs_with_one_lock_exclude_each_other_and_say_so(box: Box) -> None:
    box.job("other", f"command: 'true'\nlock: database\n{ONE_SLOT}")
    with holder(box, extra="lock: database") as (live, release):
        holding = box.block("job")
        by_hand, scheduled = box.run("other"), box.run("--scheduled", "other")
        release.write_line()
        live.wait()
    afterwards = box.run("other")

    assert (by_hand.exit_code, scheduled.exit_code, afterwards.exit_code) == (75, 0, 0)
    assert (
        f"other: not started: job job holds the shared lock 'database': run {holding['run_id']} since" in by_hand.stderr
    )
    assert [skip["job"] for skip in skips(box)] == ["other"]


def test_a_lock_may_be_named_like_another_job(box: Box) -> None:
    box.job("other", "command: 'true'\nlock: job")
    with holder(box) as (live, release):
        refused = box.run("other")
        release.write_line()
        live.wait()

    assert refused.exit_code == 75
    assert box.run("other").exit_code == 0


def test_a_shared_lock_that_was_unlinked_doubles_nothing(box: Box) -> None:
    box.job("other", "command: 'true'\nlock: database")
    with holder(box, extra="lock: database") as (live, release):
        (box.state_directory / "run" / "database.lock").unlink()
        refused = box.run("other")
        release.write_line()
        live.wait()

    assert refused.exit_code == 75
    assert [end["job"] for end in ends(box)] == ["job"]


def test_a_run_lost_under_a_shared_lock_is_found_by_the_next_job_of_that_lock(box: Box) -> None:
    box.job("other", "command: 'true'\nlock: database")
    with holder(box, extra="lock: database") as (live, _):
        from kit.runs import kill_both

        kill_both(box, "job")
        live.wait()
        box.wait_until_all_ended()

    result = box.run("other")

    assert result.exit_code == 0
    assert [(end["job"], end["outcome"]) for end in ends(box)] == [("job", "lost"), ("other", "succeeded")]
    assert box.run("job").exit_code == 0
    assert [end["outcome"] for end in ends(box, "job")] == ["lost", "succeeded"]


def test_different_jobs_run_at_the_same_time(box: Box) -> None:
    box.job("other", "command: 'true'")
    with holder(box) as (live, release):
        assert box.run("other").exit_code == 0
        release.write_line()
        live.wait()


def test_every_overlap_is_for_its_own_slot(box: Box) -> None:
    with holder(box, extra=ONE_SLOT) as (live, release):
        box.run("--scheduled", "job")
        box.run("--scheduled", "job")
        text = (box.job_directory / "job.yaml").read_text()
        (box.job_directory / "job.yaml").write_text(text.replace(ONE_SLOT, ANOTHER_SLOT))
        box.run("--scheduled", "job")
        release.write_line()
        live.wait()

    assert len({skip["scheduled_at"] for skip in skips(box)}) == len(skips(box)) == 2


def test_a_job_that_was_disabled_while_its_start_waited_is_not_started(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    text = f"command: {job}\n{ONE_SLOT}\non_overlap: queue"
    box.job("job", text)
    with box.start("job") as first:
        started.read_line()
        with box.start("--scheduled", "job") as scheduled:
            until(lambda: waiting_for_a_lock(scheduled.pid), "it to wait for the lock")
            box.job("job", f"{text}\ndisabled: true")
            release.write_line()
            codes = first.wait().exit_code, scheduled.wait().exit_code

    assert codes == (0, 0)
    (skip,) = skips(box)
    assert (skip["reason"], skip["detail"]) == ("disabled", "the job file was changed while this start waited")
    assert len(starts(box)) == 1
