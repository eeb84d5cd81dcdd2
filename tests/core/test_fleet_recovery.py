"""Whether a job of the fleet has run well since it failed on a host, or was missed: by the runs in its lock."""

from typing import Any

import pytest

from process_control.core.causes import Cause
from process_control.core.fleet.lock_state import Ended, JobSpec, JobState, LockState, PastRun, PlannedSlots, Start
from process_control.core.fleet.recovery import good_run_after, why_over
from process_control.core.incident import Incident, State
from process_control.core.part_of_incident import Part

NOW = 1_800_000_000.0
FAILED_AT = "2027-01-15T08:00:00.000Z"


def past(outcome: str, *, at: float, run_id: str | None, job: str = "a") -> PastRun:
    start = Start(run_id=f"{job}/{at}", job=job, arrived=NOW + at)
    ended = Ended(fate="ran", outcome=outcome, host="web2", host_run_id=run_id)
    return PastRun(start=start, since=NOW + at, until=NOW + at + 1, ended=ended)


CASES = {
    "nothing since": ([past("failed", at=0, run_id="r1")], None),
    "a good run after it": ([past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2")], "r2"),
    "one that warned": ([past("failed", at=0, run_id="r1"), past("warned", at=5, run_id="r2")], "r2"),
    "a good run before it": ([past("succeeded", at=-5, run_id="r0"), past("failed", at=0, run_id="r1")], None),
    "it is not known yet": ([past("succeeded", at=-5, run_id="r0")], None),
    "it failed again": (
        [past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2"), past("failed", at=9, run_id="r3")],
        None,
    ),
    "another job": ([past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2", job="b")], None),
    "forgotten since": ([past("succeeded", at=61, run_id="r9")], "r9"),
    "perhaps before it, by another clock": ([past("succeeded", at=59, run_id="r9")], None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_good_run_counts_when_it_began_after_the_one_that_failed(name: str) -> None:
    runs, wanted = CASES[name]

    found = good_run_after(LockState(lock="a", past=tuple(runs)), "a", "r1", FAILED_AT)

    assert (None if found is None else found.ended.host_run_id) == wanted


def with_job(*runs: PastRun, disabled: bool = False, **facts: Any) -> LockState:
    spec = JobSpec(job="a", hash="h", disabled=disabled)
    job = JobState(spec=spec, generation=1, planned=PlannedSlots(planned_to=int(NOW)), **facts)
    return LockState(lock="a", jobs={"a": job}, past=tuple(runs))


def missed(*slots: str, cause: Cause = Cause.MISSED, last: Cause | None = None, **facts: Any) -> Incident:
    """Return an incident. `last`: what the last trouble of this job was, when that is another one."""
    part = Part(count=1, cause=last, lock="a", slots=slots or (FAILED_AT,))
    return Incident(id="a~1", cause=cause, state=State.OPEN, parts={"a": part}, last_at=FAILED_AT, **facts)


WELL = "it succeeded on host web2 (run r2)"
GONE = "the fleet does not have the job any more"
OVER = {
    "nothing since": (with_job(), missed(), None),
    "a good run since": (with_job(past("succeeded", at=60, run_id="r2")), missed(), WELL),
    "a good run since, though it has failed again": (
        with_job(past("succeeded", at=60, run_id="r2"), past("failed", at=120, run_id="r3")),
        missed(),
        WELL,
    ),
    "a good run that began before": (
        with_job(past("succeeded", at=-1, run_id="r2"), last_success=NOW + 9),
        missed(),
        None,
    ),
    "a failed run since": (with_job(past("failed", at=60, run_id="r2")), missed(), None),
    "a good run between two that were missed": (
        with_job(past("succeeded", at=60, run_id="r2")),
        missed(FAILED_AT, "2027-01-15T08:02:00.000Z"),
        None,
    ),
    "forgotten since": (with_job(last_success=NOW + 60), missed(), "it has run well in the fleet since"),
    "forgotten, and before": (with_job(last_success=NOW - 60), missed(), None),
    "the lock is gone": (None, missed(), GONE),
    "the job is gone": (LockState(lock="a"), missed(), GONE),
    "the job is disabled": (with_job(disabled=True), missed(), "the job is disabled in the fleet"),
    "refused": (
        with_job(past("warned", at=60, run_id="r2")),
        missed(cause=Cause.REFUSED),
        WELL.replace("succeeded", "warned"),
    ),
    "it failed here meanwhile": (
        with_job(past("succeeded", at=60, run_id="r2"), past("failed", at=120, run_id="r3")),
        missed(cause=Cause.FAILED, run_id="r3"),
        None,
    ),
    "it was refused, and failed here meanwhile": (
        with_job(past("succeeded", at=60, run_id="r2"), past("failed", at=120, run_id="r3")),
        missed(cause=Cause.REFUSED, last=Cause.FAILED, run_id="r3"),
        None,
    ),
    "another job of the incident failed here since": (
        with_job(past("succeeded", at=5, run_id="r2")),
        missed(cause=Cause.FAILED, last=Cause.MISSED, run_id="of-another-job"),
        WELL,
    ),
    "it failed here meanwhile, and ran well": (
        with_job(past("failed", at=60, run_id="r1"), past("succeeded", at=120, run_id="r2")),
        missed(cause=Cause.FAILED, run_id="r1"),
        WELL,
    ),
}


@pytest.mark.parametrize("name", OVER)
def test_what_was_missed_is_over_with_a_good_run_that_began_after_it(name: str) -> None:
    lock, incident, wanted = OVER[name]

    assert why_over(lock, "a", incident) == wanted
