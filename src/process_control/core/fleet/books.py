"""What became of the planned times of a job of the fleet, from the state of its lock and the histories. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from process_control.core.fleet.lock_state import KEPT_FATES, Fate, JobState, LockState, PastRun
from process_control.core.schedule.slots import DUE, FATES, RAN


@dataclass(slots=True, kw_only=True)
class HistoryPart:
    """A part of the history of a lock."""

    #: UTC seconds
    began: float
    #: at its beginning
    state: LockState
    runs: list[PastRun] = field(default_factory=list)
    #: by job, in the order in which they were known
    fates: dict[str, list[Fate]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that is known of the planned times of a job."""

    job: str
    #: UTC seconds: of earlier ones nothing is known
    begins: float
    #: rising by slot
    fates: tuple[Fate, ...]

    def within(self, after: float, until: float) -> list[Fate]:
        """Return the fates of planned times in (after, until]."""
        return [fate for fate in self.fates if after < fate.slot <= until]

    def counts(self, after: float, until: float) -> dict[str, int]:
        """Return how many planned times there are, and how many of each fate."""
        found = dict.fromkeys(("planned", *FATES), 0)
        for fate in self.within(after, until):
            found["planned"] += fate.count
            found[fate.fate] += fate.count
        return found


def needs_history(job: JobState, since: float) -> bool:
    """Return whether the state of the lock does not go back so far."""
    return len(job.fates) >= KEPT_FATES and job.fates[0].slot > since > 0 and job.since < job.fates[0].slot


def books_of(slug: str, lock: LockState, parts: Sequence[HistoryPart], now: float) -> Books:
    """Return the books of a job that the lock has. `parts`: oldest first, without a gap up to now."""
    job = lock.jobs[slug]
    oldest = parts[0].state.jobs.get(slug) if parts else job
    known = oldest.fates if oldest is not None else ()
    fates: dict[int, Fate] = {}
    for some in (known, *(part.fates.get(slug, ()) for part in parts), job.fates, _open(slug, lock, now)):
        fates.update({fate.slot: fate for fate in some})
    is_cut = len(known) >= KEPT_FATES
    first = parts[0].began if parts else now
    return Books(
        job=slug,
        begins=known[0].slot if is_cut else job.since or first,
        fates=tuple(fates[slot] for slot in sorted(fates)),
    )


def _open(slug: str, lock: LockState, now: float) -> Iterable[Fate]:
    """Return the planned times that have no fate yet: due, or with a run in flight."""
    job, running = lock.jobs[slug], lock.running
    for slot in () if job.spec.disabled else job.planned.slots:
        if slot <= now:
            yield Fate(slot=slot, fate=DUE, detail="nothing was decided about it yet")
    for start in lock.queue:
        if start.job == slug and start.slot is not None:
            yield Fate(slot=start.slot, fate=DUE, detail="waits for its lock")
    if running is not None and running.job == slug and running.slot is not None:
        late = round(lock.running_since - running.slot, 3)
        yield Fate(slot=running.slot, fate=RAN, run_id=running.run_id, late_seconds=late)
