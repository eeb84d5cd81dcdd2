"""Remarks on planned times near a clock change. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from process_control.core.schedule.between import fits
from process_control.core.schedule.schedule import STEPPED_CLOCK, Expression

SECOND = timedelta(seconds=1)


def clock_change_marks(slots: Sequence[datetime], before: datetime, zone: tzinfo) -> list[str]:
    """Return a remark for each slot, in order; empty for most. `before` is a moment before the first slot."""
    pairs = zip((before, *slots), slots, strict=False)
    return ["; ".join(_marks(slot, previous, zone)) for previous, slot in pairs]


def skipped_before(slot: datetime, zone: tzinfo) -> str | None:
    """Return how much time the clock skipped right before a planned time, in words; None when it did not."""
    skipped = _offset(slot, zone) - _offset(slot - SECOND, zone)
    return _span(skipped) if skipped > timedelta(0) else None


def _marks(slot: datetime, previous: datetime, zone: tzinfo) -> list[str]:
    found = []
    change = _offset(slot, zone) - _offset(previous, zone)
    if change:
        direction = "forward" if change > timedelta(0) else "back"
        found.append(f"the clock goes {direction} by {_span(abs(change))} before it")
    if skipped_before(slot, zone) is not None:
        found.append("right after the time that is skipped")
    local = slot.astimezone(zone)
    passes = [local.replace(fold=fold).utcoffset() or timedelta(0) for fold in (0, 1)]
    if passes[0] > passes[1]:
        found.append(f"the clock shows this time twice: the {'second' if local.fold else 'first'} time")
    return found


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(UTC).astimezone(zone).utcoffset() or timedelta(0)


def _span(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


# --- what the next clock changes do to fixed times -------------------------------------------------------------------

#: Changes are looked for in steps, then exactly; none is undone within a step.
STEP = timedelta(hours=12)
AHEAD = timedelta(days=400)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """A moment (UTC) at which the clock of a zone is set forward or back."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def skips(self) -> bool:
        return self.after > self.before

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The times of the wall clock that are skipped, or shown twice: from the first until before the second."""
        low, high = sorted((self.before, self.after))
        wall = self.at.replace(tzinfo=None)
        return wall + low, wall + high


@dataclass(frozen=True, slots=True, kw_only=True)
class HitTime:
    """The first fixed time of an expression that a clock change skips, or shows twice."""

    #: as the wall clock shows it
    wall: datetime
    change: ClockChange


def next_hits(expression: Expression, now: datetime) -> list[HitTime]:
    """Return what the next change forward and the next one back do to an expression with fixed times.

    Nothing of one with a wildcard: that follows real time. Nothing of a change of three hours and more, which is a
    clock that was set.
    """
    if not expression.is_fixed:
        return []
    found = []
    for skips in (True, False):
        change = next((each for each in next_changes(expression.zone, now.date()) if each.skips is skips), None)
        if change is not None and abs(change.after - change.before) < STEPPED_CLOCK:
            wall, end = change.window
            while wall < end and not fits(expression, wall):
                wall += MINUTE
            if wall < end:
                found.append(HitTime(wall=wall, change=change))
    return sorted(found, key=lambda hit: hit.change.at)


@lru_cache(maxsize=256)
def next_changes(zone: tzinfo, day: date) -> tuple[ClockChange, ...]:
    """Return the clock changes in the 400 days from the beginning of a day (UTC) on."""
    found = []
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = moment + AHEAD
    while moment < end:
        before, after = _offset(moment, zone), _offset(moment + STEP, zone)
        if before != after:
            found.append(ClockChange(at=_moment_of_change(moment, zone), before=before, after=after))
        moment += STEP
    return tuple(found)


def _moment_of_change(start: datetime, zone: tzinfo) -> datetime:
    """Return the moment of the change in the STEP from `start` on."""
    low, high, before = start, start + STEP, _offset(start, zone)
    while high - low > SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high
