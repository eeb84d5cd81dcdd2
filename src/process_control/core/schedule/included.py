"""The planned times of a schedule that no excluded day takes away. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from process_control.core.schedule.excluded import span_with
from process_control.core.schedule.schedule import Schedule

#: Over how many excluded days or ranges is looked for a planned time; then there is none.
MAX_JUMPS = 2000

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Included:
    """A schedule without the days of `exclude`, as its zone has them."""

    schedule: Schedule
    exclude: tuple[str, ...]
    zone: tzinfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times after `moment`."""
        for _ in range(MAX_JUMPS):
            for slot in self.schedule.after(moment):
                span = span_with(self._day(slot), self.exclude)
                if span is not None:
                    break
                yield slot
            else:
                return
            if span[1] == date.max:
                return
            moment = self._begin(span[1] + _DAY) - _SECOND

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        """Return the last planned time that is not after `moment`."""
        for _ in range(MAX_JUMPS):
            slot = self.schedule.last_at_or_before(moment)
            if slot is None:
                return None
            span = span_with(self._day(slot), self.exclude)
            if span is None:
                return slot
            if span[0] == date.min:
                return None
            moment = self._begin(span[0]) - _SECOND
        return None

    def _day(self, slot: datetime) -> date:
        return slot.astimezone(self.zone).date()

    def _begin(self, day: date) -> datetime:
        """Return the first moment of a day; one that the clock skips is not in the schedule either."""
        return datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC)
