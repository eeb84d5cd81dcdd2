"""The minutes at which Debian's cron starts an entry, by its own algorithm (entry.c and cron.c of 3.0pl1). Pure.

Written without `Schedule`, so that what an import promises of its planned times is held against something else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from process_control.core.schedule.columns import MONTHS, SHORTHANDS, WEEKDAYS

MINUTE = 60
HOUR = 3600
DAY = 86400
#: Minutes. A change of the clock by more is a clock that was set.
MAX_CHANGE = 180
#: Minutes. So few are caught up with one by one.
MAX_CATCH_UP = 5
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: tuple[tuple[str, ...], ...] = ((), (), (), MONTHS, WEEKDAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronEntry:
    """The bits of an entry."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    #: whether the field begins with a star
    day_star: bool
    weekday_star: bool
    #: whether minute or hour does: it follows the clock through its changes
    is_wild: bool

    @classmethod
    def read(cls, schedule: str) -> "CronEntry":
        """Return the entry of a schedule that cron reads: five fields, or a shorthand."""
        fields = SHORTHANDS.get(schedule, schedule).split()
        bits = [_bits(text, number) for number, text in enumerate(fields)]
        stars = [text.startswith("*") for text in fields]
        weekdays = bits[4] | ({0, 7} if bits[4] & {0, 7} else set())
        return cls(
            minutes=frozenset(bits[0]),
            hours=frozenset(bits[1]),
            days=frozenset(bits[2]),
            months=frozenset(bits[3]),
            weekdays=frozenset(weekdays),
            day_star=stars[2],
            weekday_star=stars[4],
            is_wild=stars[0] or stars[1],
        )

    def is_at(self, minute: int) -> bool:
        """Return whether it is due at a minute of the wall clock, counted from 1970."""
        day, rest = divmod(minute, 24 * 60)
        return rest % 60 in self.minutes and rest // 60 in self.hours and self.is_on(day)

    def is_on(self, day: int) -> bool:
        date = datetime.fromtimestamp(day * DAY, UTC)
        of_month, of_week = date.day in self.days, date.isoweekday() in self.weekdays
        fits = (of_month and of_week) if self.day_star or self.weekday_star else (of_month or of_week)
        return date.month in self.months and fits


def starts_of(entry: CronEntry, zone: tzinfo, after: int, until: int) -> list[int]:
    """Return the minutes (UTC seconds) later than `after` and not later than `until`, rising, each once."""
    seconds = sorted(hour * HOUR + minute * MINUTE for hour in entry.hours for minute in entry.minutes)
    found: list[int] = []
    at = after
    while at < until:
        end = min(until, (at // DAY + 1) * DAY)
        hours = range((at - 4 * HOUR) // HOUR, (end + 4 * HOUR) // HOUR + 1)
        offsets = {_offset_in_hour(zone, hour) for hour in hours}
        if len(offsets) == 1:
            found += _plain_day(entry, seconds, offsets.pop(), at, end)
        else:
            found += _walked(entry, zone, at, end)
        at = end
    return found


def _plain_day(entry: CronEntry, seconds: list[int], offset: int, after: int, until: int) -> Iterator[int]:
    for day in range((after + offset) // DAY, (until + offset) // DAY + 1):
        if entry.is_on(day):
            midnight = day * DAY - offset
            yield from [moment for second in seconds if after < (moment := midnight + second) <= until]


def _walked(entry: CronEntry, zone: tzinfo, after: int, until: int) -> Iterator[int]:
    """Yield the minutes as the loop of cron finds them, awake at each one. It begins before the clock changes."""
    first = after // MINUTE * MINUTE - 4 * HOUR
    virtual = _wall_minute(zone, first)
    for moment in range(first + MINUTE, until + 1, MINUTE):
        clock = _wall_minute(zone, moment)
        behind = clock - virtual
        if behind > MAX_CHANGE or behind <= -MAX_CHANGE or behind == 1:
            due, virtual = entry.is_at(clock), clock
        elif 1 < behind <= MAX_CATCH_UP:
            due = any(entry.is_at(minute) for minute in range(virtual + 1, clock + 1))
            virtual = clock
        elif behind > MAX_CATCH_UP:
            missed = range(virtual + 1, clock + 1)
            due = entry.is_at(clock) if entry.is_wild else any(entry.is_at(minute) for minute in missed)
            virtual = clock
        else:
            due = entry.is_wild and entry.is_at(clock)
        if due and moment > after:
            yield moment


def _wall_minute(zone: tzinfo, moment: int) -> int:
    return (moment + _offset(zone, moment)) // MINUTE


@lru_cache(maxsize=1 << 16)
def _offset_in_hour(zone: tzinfo, hour: int) -> int:
    return _offset(zone, hour * HOUR)


def _offset(zone: tzinfo, moment: int) -> int:
    offset = datetime.fromtimestamp(moment, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _bits(text: str, number: int) -> set[int]:
    low, high = _BOUNDS[number]
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _number(first, number)
            end = _number(last, number) if dash else begin
        found.update(range(begin, end + 1, int(step or 1)))
    return found


def _number(word: str, number: int) -> int:
    names = _NAMES[number]
    return _BOUNDS[number][0] + names.index(word.lower()) if word.lower() in names else int(word)
