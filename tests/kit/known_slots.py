"""Schedules whose planned times are evaluated once for all simulated days: by the real Schedule, ten days at a time."""

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import cast

from kit.naive_schedule import DAY, Key
from process_control.core.schedule.schedule import Schedule

WINDOW_SECONDS = 10 * DAY


class KnownSlots:
    """Answers as the schedule of this key does."""

    def __init__(self, key: Key) -> None:
        self._schedule = Schedule.parse([key[1]], time_zone=key[0], host="host", slug="job")
        self._windows: dict[int, list[datetime]] = {}

    def _window(self, number: int) -> list[datetime]:
        """Return the planned times in (number, number + 1] windows since the epoch."""
        if number not in self._windows:
            found: list[datetime] = []
            last = datetime.fromtimestamp((number + 1) * WINDOW_SECONDS, UTC)
            for moment in self._schedule.after(datetime.fromtimestamp(number * WINDOW_SECONDS, UTC)):
                if moment > last:
                    break
                found.append(moment)
            self._windows[number] = found
        return self._windows[number]

    def after(self, moment: datetime) -> Iterator[datetime]:
        number = int(moment.timestamp() // WINDOW_SECONDS)
        slots = self._window(number)
        yield from slots[bisect_right(slots, moment) :]
        while True:
            number += 1
            yield from self._window(number)

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        slots = self._window(int(moment.timestamp() // WINDOW_SECONDS))
        number = bisect_right(slots, moment)
        return slots[number - 1] if number else self._schedule.last_at_or_before(moment)


@cache
def known_slots(key: Hashable) -> KnownSlots:
    return KnownSlots(cast(Key, key))
