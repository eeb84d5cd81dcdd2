"""Times for people: short, in the host's time zone or in another one (`zone`). Pure but for the zone of the host.

Every screen, mail and message writes its times with these functions. Records, `--json` and `--csv` have ISO 8601 in
UTC, see `system/clock.py`. A screen names its zone once: `zone_name`.
"""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

MINUTE, HOUR, DAY = 60, 3600, 86400

#: Later times are refused: adding to them could exceed what `datetime` can represent.
LAST_YEAR = 9000
MAX_DAYS_BY_WEEKDAY = 6  # days in which a weekday can mean one day only
ISO_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)(?!\w)")


def parse_iso(text: str | None) -> datetime | None:
    """Return the time of a record; None when there is none, or it is not ISO 8601 with a zone."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not 1970 <= moment.year <= LAST_YEAR:
        return None
    return moment


def day_and_time(moment: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `Sat 03:28` within a week, else `Sat 28 Nov 03:28`, else `28 Nov 2025 03:28`."""
    return "" if moment is None else moment.astimezone(zone).strftime(f"{_day_form([moment], now, zone)} %H:%M")


def times_of_a_column(moments: Sequence[datetime | None], now: datetime, zone: tzinfo | None = None) -> list[str]:
    """Return times with seconds, all in the form that is unambiguous for the oldest of them."""
    form = _day_form([moment for moment in moments if moment is not None], now, zone)
    return ["" if moment is None else moment.astimezone(zone).strftime(f"{form} %H:%M:%S") for moment in moments]


def since(moment: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `Sat 03:28 (25 min ago)`."""
    return f"{day_and_time(moment, now, zone)} ({_ago((now - moment).total_seconds())})" if moment else ""


def due(moment: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `Sat 05:31 (in 2 h)`."""
    return f"{day_and_time(moment, now, zone)} (in {span(max((moment - now).total_seconds(), 0))})" if moment else ""


def ago(moment: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `2 h ago`, `yesterday 02:30` or a date: the short form, for columns."""
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    return _ago(seconds) if seconds < 10 * HOUR else _near_day_and_time(moment, now, zone)


def until(moment: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `in 23 min`, `tomorrow 02:30` or a date: the short form, for columns."""
    if moment is None:
        return ""
    seconds = (moment - now).total_seconds()
    if seconds < 10 * HOUR:
        return f"in {span(max(seconds, 0))}"
    return _near_day_and_time(moment, now, zone)


def span(seconds: float) -> str:
    """Return `40 s`, `23 min`, `2 h`: rounded to one unit."""
    if seconds < MINUTE - 0.5:
        return f"{max(seconds, 0):.0f} s"
    if seconds < HOUR - 30:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} days"


def took(seconds: float | None) -> str:
    """Return how long a run took: `4 ms`, `0.12 s`, `4.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < MINUTE - 0.05:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def zone_name(now: datetime, zone: tzinfo | None = None) -> str:
    """Return the name of the zone, `CET`."""
    return now.astimezone(zone).tzname() or ""


def clock(now: datetime, zone: tzinfo | None = None) -> str:
    """Return `Sat 28 Nov 03:30 CET`, for the title of a screen."""
    local = now.astimezone(zone)
    return f"{local:%a %d %b %H:%M} {local.tzname()}"


def in_local_time(text: str, now: datetime, zone: tzinfo | None = None) -> str:
    """Return a recorded sentence with its ISO 8601 times in local time."""
    if "T" not in text:
        return text
    return ISO_TIME.sub(lambda found: day_and_time(parse_iso(found[0]), now, zone) or found[0], text)


def _ago(seconds: float) -> str:
    return "just now" if seconds < 10 else f"{span(seconds)} ago"


def _day_form(moments: Sequence[datetime], now: datetime, zone: tzinfo | None) -> str:
    """Return the strftime format for days that is unambiguous for each of the moments."""
    today = now.astimezone(zone).date()
    far = max((abs((moment.astimezone(zone).date() - today).days) for moment in moments), default=0)
    if far <= MAX_DAYS_BY_WEEKDAY:
        return "%a"
    return "%a %d %b" if far < 300 else "%d %b %Y"


def _near_day_and_time(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    local = moment.astimezone(zone)
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((local.date() - now.astimezone(zone).date()).days)
    return f"{near} {local:%H:%M}" if near else day_and_time(moment, now, zone)
