"""What may not run at once waits in the scheduler, in order of arrival, and is seen waiting."""

import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from kit.events import Fifo
from kit.harness import Box, until, wait_gone
from kit.outages import hours_ago, there_since
from kit.runs import ONE_SLOT, ends, records, script, skips, starts
from kit.schedulers import Scheduler, scheduler
from process_control.actions.rights import Actor
from process_control.config.settings import load_settings
from process_control.core import layout
from process_control.core.start_queue import MAX_CONCURRENT, Start, Waits
from process_control.scheduler.held_starts import HeldStarts
from process_control.state.block import Identity
from process_control.system import lock
from process_control.system.clock import iso

#: Each job has a planned time of its own, all of them past: they are due at the start, the oldest first.
NUMBERS = (1, 2, 3)


def jobs_in_a_row(box: Box, keys: str) -> tuple[Fifo, Fifo]:
    """Write three jobs, of which each says that it has begun, and waits; due in the order of their names."""
    started, release = box.fifo("started"), box.fifo("release")
    for number in NUMBERS:
        job = script(box, f"job-{number}.sh", f"echo {number} > {started}; read line < {release}")
        box.job(f"job-{number}", f'command: {job}\nschedule: "0 0 {number} 1 *"\nstart_within: 400d\n{keys}')
    return started, release


def waiting(live: Scheduler) -> list[tuple[str, str, int]]:
    found: list[dict[str, Any]] = live.ask("status")["scheduler"]["waiting"]
    return [(start["job"], start["why"], start["position"]) for start in found]


def test_a_pool_lets_them_in_one_after_the_other(box: Box) -> None:
    box.configure(pools={"db": {"at_once": 1}})
    started, release = jobs_in_a_row(box, "pool: db")

    with scheduler(box) as live:
        assert started.read_line() == "1"
        assert waiting(live) == [("job-2", "pool", 1), ("job-3", "pool", 2)]
        status = box.process_control("status").stdout
        why = box.process_control("why", "job-3").stdout
        for number in NUMBERS[1:]:
            release.write_line("")
            assert started.read_line() == str(number)
        release.write_line("")
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")

    assert status.count("waits since") == 2
    assert "place 2 in the queue" in why
    assert [start["job"] for start in starts(box)] == ["job-1", "job-2", "job-3"]
    late = [start["late_parts"].get("queue", 0) > 0 for start in starts(box)]
    assert late == [False, True, True]
    assert [record["job"] for record in records(box, "waiting")] == ["job-2", "job-3"]


def test_max_concurrent_counts_all_jobs(box: Box) -> None:
    box.configure(max_concurrent=2)
    started, release = jobs_in_a_row(box, "")

    with scheduler(box) as live:
        assert {started.read_line(), started.read_line()} == {"1", "2"}
        assert waiting(live) == [("job-3", "max_concurrent", 1)]
        release.write_line("")
        assert started.read_line() == "3"
        for _ in range(2):
            release.write_line("")
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")


def test_jobs_of_one_lock_that_queue_come_in_order(box: Box) -> None:
    started, release = jobs_in_a_row(box, "lock: one\non_overlap: queue")

    with scheduler(box) as live:
        assert started.read_line() == "1"
        assert waiting(live) == [("job-2", "lock", 1), ("job-3", "lock", 2)]
        assert box.process_control("status").stdout.count("waits since") == 2
        assert "place 2 in the queue" in " ".join(box.process_control("why", "job-3").stdout.split())
        for number in NUMBERS[1:]:
            release.write_line("")
            assert started.read_line() == str(number)
        release.write_line("")
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")


def test_what_waited_for_a_scheduler_that_has_ended_is_said_to_wait_for_the_next(box: Box) -> None:
    started, release = jobs_in_a_row(box, "lock: one\non_overlap: queue")
    there_since(box, hours_ago(24 * 366))

    with scheduler(box) as live:
        assert started.read_line() == "1"
        assert len(waiting(live)) == 2
    why = box.process_control("why", "job-3").stdout
    with scheduler(box):
        for number in NUMBERS:
            release.write_line("")
            assert number == NUMBERS[-1] or started.read_line() == str(number + 1)
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")

    assert "was in the queue of a scheduler that has ended; the next one takes it" in " ".join(why.split())


def test_what_waits_is_not_lost_when_the_scheduler_is_killed(box: Box) -> None:
    box.configure(pools={"db": {"at_once": 1}})
    started, release = jobs_in_a_row(box, "pool: db")

    with scheduler(box) as live:
        assert started.read_line() == "1"
        assert len(waiting(live)) == 2
        pid = live.pid
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        live.wait_for_notice("READY=1")
        assert waiting(live) == [("job-2", "pool", 1), ("job-3", "pool", 2)]
        for number in NUMBERS[1:]:
            release.write_line("")
            assert started.read_line() == str(number)
        release.write_line("")
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")

    assert len(starts(box)) == len(NUMBERS)


MINUTE, AGE = 60, 1200


def killed_scheduler_held(box: Box, job: str, *slots: int, boot_id: str | None = None) -> None:
    """Write what a scheduler has left that was killed while starts of the job waited since their planned times."""
    offset = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    starts = {job: [[slot, slot - offset] for slot in slots]}
    write_held(box, json.dumps({"boot_id": boot_id or Identity().boot_id, "offset": offset, "starts": starts}))


def write_held(box: Box, text: str) -> None:
    box.state_directory.mkdir(mode=0o700)
    Path(layout.held_starts(str(box.state_directory))).write_text(text)


def minutes_ago(seconds: int) -> int:
    return int((time.time() - seconds) // MINUTE) * MINUTE


@pytest.mark.parametrize("boot_id", [None, "00000000-0000-0000-0000-000000000000"], ids=["this boot", "another boot"])
def test_all_starts_of_a_job_that_waited_outlive_a_kill_however_old_they_are(box: Box, boot_id: str | None) -> None:
    """Older than `start_within`: they were in time when they came."""
    box.configure(pools={"db": {"at_once": 1}})
    box.job("job", 'command: /bin/true\nschedule: "* * * * *"\npool: db\non_overlap: queue\nstart_within: 90s')
    slots = [minutes_ago(AGE - number * MINUTE) for number in range(3)]
    killed_scheduler_held(box, "job", *slots, boot_id=boot_id)

    with scheduler(box):
        until(lambda: len(ends(box)) >= len(slots), "three ends")

    assert [start["scheduled_at"] for start in starts(box)[:3]] == [iso(slot) for slot in slots]
    assert skips(box) == []


def test_what_is_held_back_does_not_keep_a_start_before_it_from_its_place(box: Box) -> None:
    """A run that the scheduler does not know has the place: the first start waits by itself, the second behind it."""
    box.configure(pools={"db": {"at_once": 1}})
    started, release = box.fifo("started"), box.fifo("release")
    blocker = script(box, "blocker.sh", f"echo 1 > {started}; read line < {release}")
    box.job("blocker", f"command: {blocker}\npool: db")
    box.job("job", 'command: /bin/true\nschedule: "0 0 1 1 *"\npool: db\non_overlap: queue')
    killed_scheduler_held(box, "job", *(minutes_ago(AGE - number * MINUTE) for number in range(2)))

    with box.start("blocker"):
        started.read_line()
        with scheduler(box) as live:
            until(lambda: len(records(box, "waiting")) == 2, "both to wait")
            assert len(live.ask("status")["scheduler"]["waiting"]) == 1
            release.write_line("")
            until(lambda: len(ends(box, "job")) == 2, "two ends")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"starts": 1}', '{"starts": {"job": [1]}, "boot_id": "", "offset": 0}']
)
def test_a_damaged_file_of_what_waited_is_passed_over(box: Box, text: str) -> None:
    box.job("job", f"command: /bin/true\n{ONE_SLOT}")
    write_held(box, text)

    with scheduler(box):
        until(lambda: ends(box), "an end")


def test_a_start_that_waited_too_long_is_skipped_by_its_run(box: Box) -> None:
    box.configure(pools={"db": {"at_once": 1}})
    started, release = jobs_in_a_row(box, "pool: db\nqueue_timeout: 1")

    with scheduler(box):
        assert started.read_line() == "1"
        until(lambda: len(records(box, "skip")) == 2, "two skips")
        release.write_line("")
        until(lambda: ends(box), "an end")

    assert {skip["reason"] for skip in records(box, "skip")} == {"overlap"}


def test_what_waits_while_the_scheduler_drains_is_started_by_the_next_one(box: Box) -> None:
    box.configure(pools={"db": {"at_once": 1}})
    started, release = jobs_in_a_row(box, "pool: db")

    with scheduler(box) as live:
        assert started.read_line() == "1"
        live.ask("drain")
        release.write_line("")
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")
        assert [job for job, _, _ in waiting(live)] == ["job-2", "job-3"]
        status = box.process_control("status").stderr
        doctor = box.process_control("doctor").stdout
    with scheduler(box):
        for number in NUMBERS[1:]:
            assert started.read_line() == str(number)
            release.write_line("")
        until(lambda: len(ends(box)) == len(NUMBERS), "three ends")

    assert "starts nothing more: it drains since" in status
    assert "starts nothing more: it drains since" in doctor
    assert len(starts(box)) == len(NUMBERS)


def test_a_run_that_waits_for_its_pool_itself_takes_no_place_on_the_host(box: Box) -> None:
    """A run that the scheduler knows nothing of has the pool's place: what it has ordered waits beside a free one."""
    box.configure(pools={"db": {"at_once": 1}}, max_concurrent=1)
    started = box.fifo("started")
    for number, keys in ((1, "pool: db\n"), (2, "")):
        job = script(box, f"job-{number}.sh", f"echo {number} > {started}")
        box.job(f"job-{number}", f'command: {job}\nschedule: "0 0 {number} 1 *"\nstart_within: 400d\n{keys}')
    assert box.process_control("watch").exit_code == 0  # it makes the directories
    place = lock.take(str(box.state_directory / "run"), layout.pool_place("db", 1))
    assert place is not None

    with scheduler(box):
        assert started.read_line() == "2"
        assert sorted(record["job"] for record in records(box, "waiting")) == ["job-1", "job-2"]
        os.close(place)
        assert started.read_line() == "1"
        until(lambda: len(ends(box)) == 2, "two ends")


def test_more_starts_wait_than_it_has_descriptors(box: Box) -> None:
    """With a soft limit of 1,024, as everywhere; here of 600."""
    count = 620
    box.configure(max_concurrent=1)
    started, release = box.fifo("started"), box.fifo("release")
    first = script(box, "first.sh", f"echo 1 > {started}; read line < {release}")
    box.job("a", f'command: {first}\nschedule: "0 0 1 1 *"\nstart_within: 400d')
    for number in range(count):
        box.job(f"b-{number}", 'command: /bin/true\nschedule: "0 0 2 1 *"\nstart_within: 400d')

    was = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, was[1]))
    try:
        with scheduler(box) as live:
            assert started.read_line() == "1"
            until(lambda: len(records(box, "waiting")) == count, "all to wait")
            assert len(waiting(live)) == count
            assert live.ask("reload")["jobs"] == count + 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, was)
    release.write_line("")
    until(lambda: ends(box, "a"), "an end")


def test_many_that_begin_to_wait_cost_few_waits_for_the_disk(box: Box) -> None:
    """Each was recorded alone: starts that were due meanwhile were late."""
    box.job("job", "command: /bin/true")
    assert box.process_control("watch").exit_code == 0
    held = HeldStarts(Actor(load_settings(str(box.configuration), dict(os.environb)), by="root", host="here"))
    waits = [Waits(Start("job", n, "job", "queue", None, n), MAX_CONCURRENT, n + 1, (), None) for n in range(120)]

    while held.show(waits, time.time(), started=()):
        pass

    held.let_go(())
    found = records(box, "waiting")
    assert len(found) == len(waits)
    assert len({record["up"] for record in found}) <= 3, "when each was written"
