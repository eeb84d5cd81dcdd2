"""Times for people: short, in the time of the place where they look."""

import re
from datetime import UTC, datetime, time, timedelta

from process_control.config.kinds import seconds_of
from process_control.errors import UsageError

SINCE_HELP = "7d, 12h, 90s (ago); 08:00, today, yesterday; or a date: 2026-03-01, 2026-03-01T02:30."

_CLOCK_TIME = re.compile("[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")

MINUTE, HOUR, DAY = 60, 3600, 86400

LAST_YEAR = 9000
"""Nothing is recorded after it; from there one could count beyond what a calendar has."""


def parse_iso(text: str | None) -> datetime | None:
    """Read a time of a record; None for none, or for one that cannot be read."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not 1970 <= moment.year <= LAST_YEAR:
        return None
    return moment


def moment_of_flag(flag: str, text: str, now: datetime) -> str:
    """Return the moment that a flag like --since means, as the history writes times. Raises UsageError (2)."""
    seconds = seconds_of(text.removesuffix(" ago"))
    try:
        moment = now - timedelta(seconds=seconds) if seconds is not None else _moment_named(text, now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{flag} {text}: not a time",
            mend="90s, 10m, 2h or 7d (so long ago), 08:00, yesterday, or a date: 2026-03-01, 2026-03-01T02:30",
        ) from None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment_named(text: str, now: datetime) -> datetime:
    """Return the beginning of a day by its name, the last time that the clock showed 08:00, or what ISO 8601 says.

    All in local time. Raises ValueError, OverflowError.
    """
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}.get(text.strip().lower())
    if days is not None:
        return (midnight.replace(tzinfo=None) - timedelta(days=days)).astimezone()
    if not _CLOCK_TIME.fullmatch(text):
        return datetime.fromisoformat(text).astimezone()
    at = time.fromisoformat(text.zfill(5))
    moment = midnight.replace(tzinfo=None, hour=at.hour, minute=at.minute, second=at.second)
    return (moment if moment.astimezone() <= now else moment - timedelta(days=1)).astimezone()


def ago(moment: datetime | None, now: datetime) -> str:
    """Return `2 h ago`, `yesterday 02:30` or a date."""
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    if seconds < 10 * HOUR:
        return "just now" if seconds < 10 else f"{span(seconds)} ago"
    return _day_and_time(moment, now)


def until(moment: datetime | None, now: datetime) -> str:
    """Return `in 23 min`, `tomorrow 02:30` or a date."""
    if moment is None:
        return ""
    seconds = (moment - now).total_seconds()
    if seconds < 10 * HOUR:
        return f"in {span(max(seconds, 0))}"
    return _day_and_time(moment, now)


def span(seconds: float) -> str:
    """Return `40 s`, `23 min`, `2 h`: one unit, for a glance."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} days"


def took(seconds: float | None) -> str:
    """Return how long a run took: `0.12 s`, `4.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < MINUTE - 0.05:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def stamp(moment: datetime | None) -> str:
    """Return `Tue 2026-03-10 10:00:01` in local time."""
    return f"{moment.astimezone():%a %Y-%m-%d %H:%M:%S}" if moment else ""


def _day_and_time(moment: datetime, now: datetime) -> str:
    local, today = moment.astimezone(), now.astimezone()
    days = (local.date() - today.date()).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
    if near:
        return f"{near} {local:%H:%M}"
    if abs(days) < 7:
        return f"{local:%a %H:%M}"
    return f"{local:%d %b %H:%M}" if abs(days) < 300 else f"{local:%d %b %Y}"
