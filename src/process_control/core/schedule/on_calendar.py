"""A schedule as lines of systemd's `OnCalendar=` (systemd.time(7)): the same planned times. Pure.

systemd wants weekday and date both, where crontab(5) may want either: that makes two lines. At a clock change systemd
plans nothing in the time that is skipped, and only the first pass of the time that is repeated. What it would leave out
is added as moments in UTC, up to the end of a year; `run-job` itself does nothing in a start too many.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby, pairwise

from process_control.core.schedule.between import DAY, column_values, is_planned_day, slots_between
from process_control.core.schedule.columns import ScheduleError, quoted
from process_control.core.schedule.schedule import Expression, Schedule

#: How far ahead the moments at clock changes reach at least.
AHEAD = timedelta(days=400)
#: systemd takes such a name for half of the year of the host's own zone, when the host's zone calls itself so too.
_ABBREVIATION = re.compile("[A-Z]{2,5}")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: Hours between two looks at a zone's offset; no zone has two changes so near to each other.
_STEP_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarLines:
    """The values of `OnCalendar=` for one job."""

    lines: tuple[str, ...]
    #: Moments at clock changes that `lines` leave out.
    at_clock_changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of a zone's offset from UTC. All in seconds."""

    at: int
    before: int
    after: int


def years_ahead(now: datetime) -> tuple[int, int]:
    """Return the first and the last year of which clock changes are written out.

    Whole years, so that the lines stay the same from one day to the next.
    """
    return now.astimezone(UTC).year, (now.astimezone(UTC) + AHEAD).year


def calendar_lines(schedule: Schedule, *, years: tuple[int, int]) -> CalendarLines:
    """Return the lines for `schedule`. Raises ScheduleError for a zone that systemd would misread."""
    name = schedule.named_zone
    if name is not None and name != "UTC" and _ABBREVIATION.fullmatch(name):
        raise ScheduleError(
            f"systemd may take the time zone {quoted(name)} for a half of the year in the host's zone",
            "write a zone that is named by a place, such as Europe/Berlin, or UTC",
        )
    suffix = f" {name}" if name else ""
    lines = [f"{line}{suffix}" for each in schedule.expressions for line in _lines_of(each)]
    left_out = sorted(set(_left_out(schedule, years)))
    return CalendarLines(lines=tuple(dict.fromkeys(lines)), at_clock_changes=tuple(_in_utc(left_out)))


# --- the lines of an expression --------------------------------------------------------------------------------------


def _lines_of(expression: Expression) -> Iterator[str]:
    minutes, hours, days, months = (column_values(expression, column) for column in range(4))
    weekdays = sorted({(value - 1) % 7 for value in column_values(expression, 4)})
    time = f"{_component(hours, 0, 23)}:{_component(minutes, 0, 59)}:00"
    every_day, every_weekday = list(range(1, 32)), list(range(7))
    if expression.terms[2][0].star or expression.terms[4][0].star:
        choices = [(weekdays, days)]
    elif days == every_day or weekdays == every_weekday:
        choices = [(every_weekday, every_day)]
    else:
        choices = [(every_weekday, days), (weekdays, every_day)]
    for of_week, of_month in choices:
        if min(of_month) <= max(_DAYS_OF_MONTHS[month - 1] for month in months):
            date = f"*-{_component(months, 1, 12)}-{_component(of_month, 1, 31)}"
            yield " ".join(filter(None, (_weekdays(of_week), date, time)))


def _component(values: Sequence[int], low: int, high: int) -> str:
    """Return rising numbers as a component of systemd: `*`, `05`, `01..05`, `00..55/5`, or a list of these.

    With its end: from `00/4` systemd 252 finds no time at all ("Resource deadlock avoided") before a clock change that
    skips midnight.
    """
    if len(values) == high - low + 1:
        return "*"
    steps = {after - before for before, after in pairwise(values)}
    if len(values) > 2 and len(steps) == 1 and steps != {1}:
        return f"{values[0]:02}..{values[-1]:02}/{steps.pop()}"
    return ",".join(f"{run[0]:02}..{run[-1]:02}" if len(run) > 2 else _listed(run) for run in _runs(values))


def _listed(values: Sequence[int]) -> str:
    return ",".join(f"{value:02}" for value in values)


def _weekdays(values: Sequence[int]) -> str:
    """Return numbers of weekdays (0 is Monday) as systemd names them; empty for all."""
    if len(values) == len(_WEEKDAYS):
        return ""
    names = [[_WEEKDAYS[value] for value in run] for run in _runs(values)]
    return ",".join(f"{run[0]}..{run[-1]}" if len(run) > 2 else ",".join(run) for run in names)


def _runs(values: Sequence[int]) -> list[list[int]]:
    """Return the groups of numbers that follow each other."""
    numbered = groupby(enumerate(values), key=lambda pair: pair[1] - pair[0])
    return [[value for _, value in group] for _, group in numbered]


# --- clock changes ---------------------------------------------------------------------------------------------------


def clock_changes(zone: tzinfo, begin: int, end: int) -> tuple[ClockChange, ...]:
    """Return the changes of the zone's offset after `begin` and not after `end` (UTC seconds)."""
    found = []
    for at in range(begin, end, _STEP_SECONDS):
        before, after = _offset(zone, at), _offset(zone, at + _STEP_SECONDS)
        if before != after:
            low, high = at, at + _STEP_SECONDS
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            found.append(ClockChange(high, before, after))
    return tuple(found)


_changes_of_zone = lru_cache(maxsize=1 << 10)(clock_changes)


def _left_out(schedule: Schedule, years: tuple[int, int]) -> Iterator[int]:
    """Yield the planned times at clock changes that systemd would leave out (UTC seconds)."""
    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (years[0], years[1] + 1))
    for zone in {expression.zone for expression in schedule.expressions}:
        for change in _changes_of_zone(zone, begin, end):
            until = change.at + abs(change.after - change.before)
            for slot in slots_between(schedule, change.at - 1, until):
                if not any(_would_start(each, slot) for each in schedule.expressions):
                    yield slot


def _would_start(expression: Expression, slot: int) -> bool:
    local = datetime.fromtimestamp(slot, expression.zone)
    if local.fold or local.second:
        return False
    day = (slot + _offset(expression.zone, slot)) // DAY
    in_columns = local.minute in column_values(expression, 0) and local.hour in column_values(expression, 1)
    return in_columns and is_planned_day(expression, day)


def _offset(zone: tzinfo, moment: int) -> int:
    return int((datetime.fromtimestamp(moment, zone).utcoffset() or timedelta(0)).total_seconds())


def _in_utc(slots: Sequence[int]) -> Iterator[str]:
    """Yield lines for these moments, one for each hour."""
    for hour, group in groupby(slots, key=lambda slot: slot // 3600):
        minutes = [slot % 3600 // 60 for slot in group]
        yield f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d %H}:{_component(minutes, 0, 59)}:00 UTC"
