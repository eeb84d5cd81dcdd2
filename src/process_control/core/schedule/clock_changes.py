"""Remarks on planned times near a clock change. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

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
