"""Overlaps to be expected: a job that takes longer than the time to its next start, and jobs under one lock. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from process_control.core.day import Collision, Stretch, collisions
from process_control.core.usual import UsualDuration

PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOverlap:
    """Planned times of a job at which its run before is still expected to run."""

    job: str
    #: how long the run before takes, in seconds
    seconds: float
    #: the shortest time between two planned times, in seconds
    gap_seconds: int
    #: UTC seconds: the first of these planned times
    at: int
    #: how many planned times of how many
    count: int
    of: int
    #: whether a usual run takes so long; else only the slowest one of twenty
    is_usual: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOverlap:
    """Jobs under one lock whose usual runs overlap."""

    lock: str
    jobs: tuple[str, ...]
    #: UTC seconds: when that happens first
    at: int
    #: how often it happens in the window
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRuns:
    """What overlaps are looked for in: the planned times (UTC seconds) of a job, its lock and its usual duration."""

    slots: Sequence[int]
    lock: str
    usual: UsualDuration | None


def own_overlap(job: str, runs: PlannedRuns) -> OwnOverlap | None:
    """Return where the job's runs overlap its own next start; None where they do not, or nothing is known."""
    if runs.usual is None or len(runs.slots) < 2:
        return None
    gap = min(later - slot for slot, later in zip(runs.slots, runs.slots[1:], strict=False))
    for seconds, is_usual in ((runs.usual.median, True), (runs.usual.slow or 0.0, False)):
        if seconds > gap:
            busy = _while_busy(runs.slots, seconds)
            return OwnOverlap(
                job=job,
                seconds=seconds,
                gap_seconds=gap,
                at=busy[0],
                count=len(busy),
                of=len(runs.slots),
                is_usual=is_usual,
            )
    return None


def _while_busy(slots: Sequence[int], seconds: float) -> list[int]:
    """Return the planned times at which the job still runs, each run as long; those start nothing."""
    found, until = [], 0.0
    for slot in slots:
        if slot < until:
            found.append(slot)
        else:
            until = slot + seconds
    return found


def lock_overlaps(jobs: Mapping[str, PlannedRuns]) -> list[LockOverlap]:
    """Return which jobs of one lock collide, the earliest first."""
    by_lock: dict[str, list[str]] = {}
    for job, runs in jobs.items():
        if runs.usual is not None and runs.slots:
            by_lock.setdefault(runs.lock, []).append(job)
    found: dict[tuple[str, tuple[str, ...]], list[Collision]] = {}
    for lock, members in by_lock.items():
        if len(members) > 1:
            stretches = [stretch for job in members for stretch in _stretches(job, jobs[job])]
            for each in collisions(stretches, dict.fromkeys(members, lock)):
                found.setdefault((each.lock, each.jobs), []).append(each)
    overlaps = [
        LockOverlap(lock=lock, jobs=members, at=int(each[0].begin), count=len(each))
        for (lock, members), each in found.items()
    ]
    return sorted(overlaps, key=lambda each: (each.at, each.lock, each.jobs))


def _stretches(job: str, runs: PlannedRuns) -> list[Stretch]:
    seconds = max(runs.usual.median, 1.0) if runs.usual is not None else 0.0
    return [Stretch(job, slot, slot + seconds, PLANNED) for slot in runs.slots]
