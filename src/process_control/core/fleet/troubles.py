"""Which jobs of the fleet need a look: missed, stale, failing or held since their runs failed. Pure.

A hold by a person is no trouble: somebody knows of it.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from process_control.core.fleet.decide import OVERLAP
from process_control.core.fleet.everywhere import host_of, runs_jobs
from process_control.core.fleet.job_status import stale_words
from process_control.core.fleet.lock_state import Fate, JobState, LockState, hold_in_words, iso
from process_control.core.health import HoldKind, State
from process_control.core.schedule.slots import MISSED, SKIPPED

#: What is wrong, worst first.
FAILING, REFUSED, MISSES, STALE, HELD = KINDS = ("failing", "refused", "missed", "stale", "held")
_WHY = {
    "trigger_dead": "no control process decided about it in time",
    "no_worker": "no host took it in time",
    "refused": "refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetTrouble:
    """A job that needs a look."""

    #: with `run_on: all` JOB@HOST
    job: str
    #: a word of those above
    kind: str
    #: in words
    why: str


def troubles_of(locks: Sequence[LockState], now: float) -> list[FleetTrouble]:
    """Return the jobs that need a look, by job. `now`: UTC seconds."""
    found = []
    for lock in locks:
        if not runs_jobs(lock.lock):
            continue
        for slug, job in lock.jobs.items():
            trouble = None if job.spec.disabled else _trouble(job, now)
            if trouble is not None:
                host = host_of(lock.lock)
                name = slug if host is None else f"{slug}@{host}"
                found.append(FleetTrouble(job=name, kind=trouble[0], why=trouble[1]))
    return sorted(found, key=lambda each: each.job)


def count_jobs(locks: Sequence[LockState], chosen: Set[str]) -> int:
    """Return how many jobs there are of those that are chosen: with `run_on: all` one for each host."""
    return sum(slug in chosen for lock in locks if runs_jobs(lock.lock) for slug in lock.jobs)


def _trouble(job: JobState, now: float) -> tuple[str, str] | None:
    """Return what is wrong with a job, and why; None: nothing. Of several troubles the worst."""
    last = _last_fate(job)
    failing = (job.health or {}).get("state") == State.FAILING
    if failing:
        count, why = (job.health or {}).get("failures_in_row"), (job.health or {}).get("why") or "no reason given"
        return FAILING, f"failed: {why}" if count == 1 else f"failed {count} times in a row, the last: {why}"
    if last is not None and last.fate == MISSED and (job.last_success or 0.0) < last.slot:
        return (REFUSED if last.reason == "refused" else MISSES), _missed_in_words(last)
    if (stale := stale_words(job, now)) is not None:
        return STALE, stale
    hold = job.hold_at(now)
    if hold is not None and (job.health or {}).get("hold_kind") != HoldKind.BY_HAND:
        return HELD, hold_in_words(hold)
    return None


def _last_fate(job: JobState) -> Fate | None:
    """Return the last fate that says how the job is: an overlap says only that another start was before it."""
    return next((fate for fate in reversed(job.fates) if (fate.fate, fate.reason) != (SKIPPED, OVERLAP)), None)


def _missed_in_words(fate: Fate) -> str:
    """Return `missed at 2027-01-15T08:01:00.000Z: no host took it in time`."""
    many = "" if fate.until is None else f", and {fate.count - 1} more until {iso(fate.until)}"
    why = _WHY.get(fate.reason or "", fate.reason or "no reason known")
    detail = f": {fate.detail}" if fate.reason == "refused" and fate.detail else ""
    host = f" by host {fate.host}" if fate.reason == "refused" and fate.host else ""
    return f"missed at {iso(fate.slot)}{many}: {why}{host}{detail}"
