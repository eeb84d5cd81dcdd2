"""When a line of a live crontab can be exchanged: cron has read its crontabs for this minute, and the line is not due.

Cron reads what has changed in the first second of each minute, and starts what is due then.
"""

from collections.abc import Collection

MINUTE = 60
#: Seconds of a minute: before, cron may still be reading; later, a slow disk would take us into the next minute.
FIRST_SECOND, LAST_SECOND = 5, 50
#: Minutes to look ahead for one in which the line is not due. One that is due in all of them takes any.
MAX_AHEAD = 3


def seconds_until_quiet(now: float, due: Collection[int]) -> float:
    """Return how long to wait. `due` are the minutes (UTC seconds) at which the line is started."""
    this_minute = int(now) // MINUTE * MINUTE
    minutes = [this_minute + number * MINUTE for number in range(MAX_AHEAD + 1)]
    quiet = [minute for minute in minutes if minute not in due and minute + MINUTE not in due]
    moments = (max(now, float(minute + FIRST_SECOND)) for minute in [*quiet, *minutes])
    return next(moment - now for moment in moments if is_between_edges(moment))


def is_between_edges(moment: float) -> bool:
    """Return whether cron does nothing at this second of its minute."""
    return FIRST_SECOND <= moment % MINUTE < LAST_SECOND
