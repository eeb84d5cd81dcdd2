"""What a change of job files changes in what is planned: planned times, and how many jobs run at once. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from process_control.core.schedule.plan import Plan

#: How far ahead a first difference is looked for: past every date that comes once a year.
FAR_SECONDS = 400 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotChange:
    """The planned times of one job before and after a change. UTC seconds, rising."""

    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    #: the first planned time that is on one side only, also when it lies behind the window; None: there is none
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Peak:
    """How many jobs run at once at most, and the first moment of that (UTC seconds)."""

    jobs: int
    at: int


def starts_of(plan: Plan | None, after: int, until: int) -> list[int]:
    """Return at which of its planned times in (after, until] a job starts; none when it is disabled."""
    if plan is None or plan.disabled:
        return []
    slots = plan.slots(after, until)
    return [slot for slot in slots if plan.excluded_by(slot) is None]


def slot_change(before: Plan | None, after: Plan | None, begin: int, end: int) -> SlotChange:
    """Return the difference in (begin, end]; `first` looks further."""
    if before == after:
        return SlotChange()
    old, new = set(starts_of(before, begin, end)), set(starts_of(after, begin, end))
    changed = old ^ new or set(starts_of(before, end, begin + FAR_SECONDS)) ^ set(
        starts_of(after, end, begin + FAR_SECONDS)
    )
    return SlotChange(
        added=tuple(sorted(new - old)), removed=tuple(sorted(old - new)), first=min(changed) if changed else None
    )


class Concurrency:
    """How many jobs run at each moment, when each run takes as long as is usual."""

    __slots__ = ("_changes",)

    def __init__(self, changes: "Counter[int] | None" = None) -> None:
        self._changes: Counter[int] = Counter() if changes is None else Counter(changes)

    def copy(self) -> "Concurrency":
        return Concurrency(self._changes)

    def add(self, slots: Sequence[int], seconds: float) -> None:
        """Add the runs of a job. One that would begin while the one before runs is not one more at once."""
        length = max(round(seconds), 1)
        for begin, end in _merged(slots, length):
            self._changes[begin] += 1
            self._changes[end] -= 1

    def peak(self) -> Peak | None:
        """Return the peak; None when nothing runs."""
        jobs, best = 0, None
        for moment in sorted(self._changes):
            jobs += self._changes[moment]
            if jobs > (best.jobs if best is not None else 0):
                best = Peak(jobs, moment)
        return best


def _merged(slots: Sequence[int], length: int) -> Iterable[tuple[int, int]]:
    if not slots:
        return
    begin, end = slots[0], slots[0] + length
    for slot in slots[1:]:
        if slot <= end:
            end = slot + length
        else:
            yield begin, end
            begin, end = slot, slot + length
    yield begin, end
