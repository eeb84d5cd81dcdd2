"""The state of a lock stays small, with as many jobs as it may have and all that it keeps of them."""

import asyncio
import random

from process_control.core.fleet.lock_state import (
    KEPT_FATES,
    KEPT_RUNS,
    MAX_JOBS,
    Ended,
    Fate,
    JobSpec,
    JobState,
    LockState,
    PastRun,
    PlannedSlots,
    Start,
    with_fates,
)
from process_control.core.health import Policy
from process_control.fleet.payloads import DATA_CONVERTER

MAX_BYTES = 65536
BEGIN = 1_800_000_000


def fates(count: int, dice: random.Random, *, jobs: int) -> tuple[Fate, ...]:
    """Return what is kept of so many fates, all with a run id of their own, every fifth with a reason."""
    found: tuple[Fate, ...] = ()
    for number in range(count):
        fate = Fate(
            slot=BEGIN + 60 * number,
            fate="ran",
            run_id=f"20270115-{dice.randrange(10**6):06}-{dice.randbytes(4).hex()}",
            host=f"web{dice.randrange(20)}.example.org",
            outcome="succeeded" if number % 5 else "failed",
            detail=None if number % 5 else f"exited with {dice.randrange(255)}: {dice.randbytes(20).hex()}",
            late_seconds=dice.randrange(3000) / 1000,
        )
        found = with_fates(found, (fate,), jobs)
    return found


def test_a_job_keeps_its_last_fates_only() -> None:
    found = fates(KEPT_FATES + 7, random.Random(1), jobs=1)

    assert [fate.slot for fate in found] == [BEGIN + 60 * number for number in range(7, KEPT_FATES + 7)]


def test_the_state_of_a_lock_with_a_hundred_jobs_is_small() -> None:
    dice = random.Random(2)
    jobs = {}
    for number in range(MAX_JOBS):
        slug = f"nightly-report-of-customer-{number}"
        spec = JobSpec(
            job=slug,
            hash=dice.randbytes(16).hex(),
            schedule=(f"{number % 60} {number % 24} * * *",),
            time_zone="Europe/Berlin",
            policy=Policy(hold_after_failures=5, backoff_delay_seconds=300.0),
        )
        health = {"state": "failing", "failures_in_row": 2, "why": "exited with 3", "run_id": dice.randbytes(8).hex()}
        jobs[slug] = JobState(
            spec=spec,
            generation=BEGIN * 1000 + number,
            planned=PlannedSlots(planned_to=BEGIN, slots=tuple(BEGIN + 86400 * day for day in range(4))),
            health=health,
            fates=fates(60, dice, jobs=MAX_JOBS),
        )
    start = Start(run_id="nightly-report/2027-01-15T08:01:00Z", job="nightly-report-of-customer-1", arrived=BEGIN)
    ended = Ended(fate="ran", outcome="failed", detail="exited with 3: the disk is full", host="web1.example.org")
    past = (PastRun(start=start, since=BEGIN, until=BEGIN + 9, ended=ended),) * KEPT_RUNS
    state = LockState(lock="reports", jobs=jobs, queue=(start,) * 20, past=past)

    (payload,) = asyncio.run(DATA_CONVERTER.encode([state]))

    assert payload.ByteSize() < MAX_BYTES
    (again,) = asyncio.run(DATA_CONVERTER.decode([payload], [LockState]))
    assert again == state
