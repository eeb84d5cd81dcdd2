"""What a decision of a lock says of planned times that came to nothing: which cause, which words, and the same key."""

from typing import Any

import pytest

from process_control.core.causes import Cause
from process_control.core.fleet.decide import decide
from process_control.core.fleet.lock_state import Ended, JobSpec, JobState, LockState, PastRun, PlannedSlots, Start
from process_control.core.fleet.missed import MAX_WORDS, MissedTimes, missed_in

BEGIN = 1_800_000_000  # 2027-01-15T08:00:00Z
NO_WORKER = Ended(fate="missed", reason="no_worker", detail="no host of the fleet has taken it in time")


def lock(name: str = "lock", **spec: Any) -> LockState:
    """Return a lock with one job that runs each minute, applied at BEGIN."""
    spec = {"schedule": ("* * * * *",), "start_within": 30.0, **spec}
    job = JobState(
        spec=JobSpec(job="job", hash="h", **spec), generation=1, planned=PlannedSlots(planned_to=BEGIN), since=BEGIN
    )
    return LockState(lock=name, jobs={"job": job})


def ended(how: Ended, *, slot: int | None = BEGIN) -> PastRun:
    start = Start(run_id="r", job="job", slot=slot, arrived=BEGIN)
    return PastRun(start=start, since=BEGIN, until=BEGIN + 30, ended=how)


def found(state: LockState, now: float, *runs: PastRun) -> list[MissedTimes]:
    return missed_in(state, decide(state, now, runs), runs)


def refused(detail: str | None = "job.yaml is version a here, and b was applied", **facts: Any) -> Ended:
    return Ended(fate="missed", reason="refused", detail=detail, host="web1", **facts)


RUNS = {
    "no host": (lock(), NO_WORKER, Cause.MISSED, "no host took it in time"),
    "its host": (lock(queue="host/db1"), NO_WORKER, Cause.MISSED, "host db1 did not take it in time"),
    "its tag": (lock(queue="tag/db"), NO_WORKER, Cause.MISSED, "no host with the tag db took it in time"),
    "one of all hosts": (
        lock("lock@web2", queue="host/web2"),
        NO_WORKER,
        Cause.MISSED,
        "host web2 did not take it in time",
    ),
    "drift": (
        lock(),
        refused(),
        Cause.REFUSED,
        "host web1 refused it: job.yaml is version a here, and b was applied",
    ),
    "refused with many words": (
        lock(),
        refused(f"\n/etc/config.yaml:3:1: {'x' * 3000}\n  hint: mind line 3"),
        Cause.REFUSED,
        f"host web1 refused it: /etc/config.yaml:3:1: {'x' * (MAX_WORDS - 22)}",
    ),
    "refused without a word": (lock(), refused(None), Cause.REFUSED, "host web1 refused it"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_came_to_nothing_is_missed_or_refused_in_words(name: str) -> None:
    state, how, cause, why = RUNS[name]

    (missed,) = found(state, BEGIN + 31, ended(how))

    assert (missed.cause, missed.why, missed.slots, missed.count) == (cause, why, (BEGIN,), 1)
    assert missed.sentence == f"no run for the planned time 2027-01-15T08:00:00.000Z: {why}"


def test_what_nobody_decided_about_in_time_is_one_for_all_that_fell_due_meanwhile() -> None:
    (missed,) = found(lock(start_within=10.0), BEGIN + 155)

    assert (missed.cause, missed.count, missed.slots) == (Cause.MISSED, 2, (BEGIN + 60, BEGIN + 120))
    why = "no control process decided about it in time"
    times = "2027-01-15T08:01:00.000Z to 2027-01-15T08:02:00.000Z"
    assert missed.sentence == f"no run for 2 planned times, {times}: {why}"


def test_of_all_hosts_the_one_whose_time_nobody_decided_about_is_named() -> None:
    (missed,) = found(lock("lock@web2", queue="host/web2", start_within=10.0), BEGIN + 75)

    assert missed.why == "for host web2 no control process decided about it in time"
    assert missed.key == "job@web2~2027-01-15T08:01:00.000Z"


def test_thousands_that_fell_due_are_counted() -> None:
    (missed,) = found(lock(start_within=10.0), BEGIN + 60 * 1000 + 30)

    assert missed.count == 1000
    assert (missed.slots[0], missed.slots[-1]) == (BEGIN + 60, BEGIN + 60 * 1000)


def test_a_decision_that_is_made_again_later_has_the_same_key() -> None:
    first, again = (found(lock(start_within=10.0), BEGIN + seconds) for seconds in (75, 135))

    assert [each.key for each in first] == [each.key for each in again] == ["job~2027-01-15T08:01:00.000Z"]


NOT_MISSED = {
    "a run by hand": ended(NO_WORKER, slot=None),
    "a good run": ended(Ended(fate="ran", outcome="succeeded", host="web1", host_run_id="r1")),
    "a failed one, which its host reports": ended(Ended(fate="ran", outcome="failed", host="web1", host_run_id="r1")),
    "a start that run-job refused there, and reported": ended(refused(exit_code=75)),
    "one that was stopped": ended(Ended(fate="skipped", reason="stopped")),
}


@pytest.mark.parametrize("name", NOT_MISSED)
def test_nobody_is_notified_of(name: str) -> None:
    assert found(lock(), BEGIN + 31, NOT_MISSED[name]) == []


def test_jobs_are_alike_whose_times_the_same_hosts_did_not_take() -> None:
    kinds = {
        (found(state, BEGIN + 31, ended(how))[0]).alike
        for state, how in [
            (lock("a"), NO_WORKER),
            (lock("b"), NO_WORKER),
            (lock("a", queue="host/db1"), NO_WORKER),
            (lock("a"), refused()),
        ]
    }

    assert len(kinds) == 3
