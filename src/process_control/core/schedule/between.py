"""All planned times of a window, fast: days without a clock change near them are arithmetic, the others are asked for.

The ledger asks for months of thousands of jobs; `Schedule.after` walks from one time to the next. Pure; a test holds
the two against each other.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from process_control.core.schedule.cron_fields import Terms
from process_control.core.schedule.schedule import Expression, Schedule

DAY = 86400
EPOCH = date(1970, 1, 1)
#: So near a clock change the rule for clock changes may matter.
NEAR_SECONDS = 26 * 3600


def slots_between(schedule: Schedule, after: int, until: int) -> list[int]:
    """Return the planned times later than `after` and not later than `until` (UTC seconds), rising, each once."""
    found: set[int] = set()
    for expression in schedule.expressions:
        found.update(_of_expression(expression, after, until))
    return sorted(found)


def _of_expression(expression: Expression, after: int, until: int) -> list[int]:
    slots: list[int] = []
    minutes = _minutes(expression)
    at = after
    while at < until:
        end = min(until, (at // DAY + 1) * DAY)
        offset = _steady_offset(expression, at, end)
        if offset is None:
            slots += _walked(expression, at, end)
        else:
            first, last = (at + offset) // DAY, (end + offset) // DAY
            for day in range(first, last + 1):
                if is_planned_day(expression, day):
                    base = day * DAY - offset
                    slots += [slot for minute in minutes if at < (slot := base + minute) <= end]
        at = end
    return slots


def _walked(expression: Expression, after: int, until: int) -> list[int]:
    found = []
    for slot in expression.after(datetime.fromtimestamp(after, UTC)):
        moment = int(slot.timestamp())
        if moment > until:
            break
        found.append(moment)
    return found


def _steady_offset(expression: Expression, at: int, end: int) -> int | None:
    """Return the zone's offset in seconds when it is the same near the window; None when the clock changes there."""
    moments = (at - NEAR_SECONDS, at, end, end + NEAR_SECONDS)
    offsets = {_offset(expression.zone, moment // DAY * 24 + moment % DAY // 3600) for moment in moments}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=1 << 16)
def _offset(zone: tzinfo, hour: int) -> int:
    moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone)
    return int((moment.utcoffset() or timedelta(0)).total_seconds())


def fits(expression: Expression, wall: datetime) -> bool:
    """Return whether a time of the wall clock is one of the expression."""
    day = (wall.date() - EPOCH).days
    return (
        wall.minute in column_values(expression, 0)
        and wall.hour in column_values(expression, 1)
        and is_planned_day(expression, day)
    )


@lru_cache(maxsize=4096)
def _minutes(expression: Expression) -> list[int]:
    """Return the planned times of a day that fits, in seconds after its midnight."""
    hours, minutes = column_values(expression, 1), column_values(expression, 0)
    return [hour * 3600 + minute * 60 for hour in hours for minute in minutes]


def column_values(expression: Expression, column: int) -> list[int]:
    """Return the values of a column, rising, each once."""
    return sorted({value for term in expression.terms[column] for value in term.values})


@lru_cache(maxsize=1 << 16)
def is_planned_day(expression: Expression, day: int) -> bool:
    """Return whether the date fits. `day`: since 1970-01-01, of the wall clock. Either/or as in crontab(5)."""
    date = datetime.fromtimestamp(day * DAY, UTC)
    _, _, days, months, weekdays = expression.terms
    if not _fits(date.month, months):
        return False
    weekday = date.isoweekday() % 7
    of_month = _fits(date.day, days)
    of_week = _fits(weekday, weekdays) or (weekday == 0 and _fits(7, weekdays))
    if days[0].star or weekdays[0].star:
        return of_month and of_week
    return of_month or of_week


def _fits(number: int, terms: Terms) -> bool:
    return any(number in term.values for term in terms)
