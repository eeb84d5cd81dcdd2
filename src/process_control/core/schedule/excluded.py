"""Days on which planned times are skipped: as the key `exclude` writes them, and as calendars name them. Pure.

Days are kept as text, `DAY` or `DAY..DAY`, those of a calendar with a reason behind: `2026-12-25 Christmas Day (de)`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

HOLIDAYS = "holidays:"
MAX_SUMMARY = 80
#: How many days or ranges a job may exclude by calendars: its version is one line of the journal.
MAX_DAYS = 1000

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Compiled where they are used first: most files need none of these, and compiling them costs a start milliseconds.
_ONE = rf"(?a){_DAY}"
_RANGE = rf"(?a)({_DAY})\s*\.\.\s*({_DAY})"
_TWO_DAYS = rf"(?a)({_DAY})\D+({_DAY})"
_DAY_FIRST = r"(?a)([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})"
_SHORT = r"(?a)([0-9]{4})[-/.]?([0-9]{1,2})[-/.]?([0-9]{1,2})"
_NAME = r"(?a)[A-Za-z][A-Za-z0-9_-]{0,63}"

# Calendars are read for a window of days that is the same for whoever looks, and changes once in BLOCK_DAYS: so the
# hash of a version does not change from day to day, and there are always AHEAD_DAYS of it left.
BLOCK_DAYS = 340
AHEAD_DAYS = 60
BACK_DAYS = 100
_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86400

#: begin and end (exclusive) of an event: a date, a time without a zone as ISO 8601, or UTC seconds
Moment = str | float
Event = tuple[Moment, Moment, str]


class ExcludeError(ValueError):
    """Days that are none. `what` finishes "'exclude' …"."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def is_name(text: str) -> bool:
    """Return whether `text` can name a calendar: like a job, but it begins with a letter."""
    return re.fullmatch(_NAME, text) is not None


def is_days(text: str) -> bool:
    """Return whether `text` is meant as a date or a range: no name of a calendar begins with a digit."""
    return text[:1].isdigit()


def days_as_written(text: str) -> str:
    """Return a date or a range in its one spelling. Raises ExcludeError for an impossible one."""
    if re.fullmatch(_ONE, text):
        _date(text)
        return text
    found = re.fullmatch(_RANGE, text)
    if found is None:
        raise ExcludeError(f"has {text!r}, which is neither a date nor a range", _meant(text))
    first, last = found.groups()
    if _date(last) < _date(first):
        raise ExcludeError(f"has a range that ends before it begins: {text!r}", f"did you mean {last}..{first}?")
    return f"{first}..{last}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        year, month, _ = map(int, text.split("-"))
        if 1 <= month <= 12 and year:
            import calendar  # not for every job

            hint = f"{calendar.month_name[month]} {year} has {calendar.monthrange(year, month)[1]} days"
        else:
            hint = "write year, month and day: 2026-12-24"
        raise ExcludeError(f"has a day that does not exist: {text!r}", hint) from None


def _meant(text: str) -> str:
    """Return a hint that names the date or the range that was meant, if one can be seen."""
    if two := re.fullmatch(_TWO_DAYS, text):
        return f"did you mean {two[1]}..{two[2]}?"
    found = re.fullmatch(_DAY_FIRST, text)
    numbers = (found[3], found[2], found[1]) if found else ()
    if found is None and (found := re.fullmatch(_SHORT, text)):
        numbers = (found[1], found[2], found[3])
    if numbers:
        year, month, day = map(int, numbers)
        try:
            return f"did you mean {date(year, month, day)}?"
        except ValueError:
            pass
    return "write a date (2026-12-24) or a range (2026-12-24..2027-01-02)"


# --- which day excludes a planned time -------------------------------------------------------------------------------


Span = tuple[date, date, str]


@lru_cache(maxsize=4096)
def span_with(day: date, exclude: tuple[str, ...]) -> Span | None:
    """Return the first entry that has that day: first day, last day, as written; None when none has."""
    return next((span for span in _spans(exclude) if span[0] <= day <= span[1]), None)


@lru_cache(maxsize=1024)
def _spans(exclude: tuple[str, ...]) -> tuple[Span, ...]:
    found = []
    for words in exclude:
        first, _, last = words.partition(" ")[0].partition("..")
        try:
            found.append((date.fromisoformat(first), date.fromisoformat(last or first), words))
        except ValueError:
            continue  # of a record that somebody has changed
    return tuple(found)


# --- the days of a calendar ------------------------------------------------------------------------------------------


def window(now: float) -> tuple[date, date]:
    """Return the first and the last day for which calendars are read at that moment (UTC seconds)."""
    block = int(now // _DAY_SECONDS) // BLOCK_DAYS * BLOCK_DAYS
    return _EPOCH + timedelta(block - BACK_DAYS), _EPOCH + timedelta(block + BLOCK_DAYS + AHEAD_DAYS)


def window_ends(now: float) -> float:
    """Return the moment (UTC seconds) from which on the next window holds."""
    return float((int(now // _DAY_SECONDS) // BLOCK_DAYS + 1) * BLOCK_DAYS * _DAY_SECONDS)


def days_of_events(events: Sequence[Event], zone: tzinfo, entry: str) -> list[str]:
    """Return the days that the events touch in `zone`, rising, neighbours of the same name as one range."""
    spans = sorted((*_span(begin, end, zone), summary) for begin, end, summary in events)
    merged: list[tuple[date, date, str]] = []
    for first, last, summary in spans:
        before = merged[-1] if merged else None
        if before is not None and before[2] == summary and first <= before[1] + timedelta(1):
            merged[-1] = (before[0], max(before[1], last), summary)
        else:
            merged.append((first, last, summary))
    return list(_in_words(merged, entry))


def _in_words(spans: Sequence[tuple[date, date, str]], entry: str) -> Iterator[str]:
    for first, last, summary in spans:
        days = f"{first}" if first == last else f"{first}..{last}"
        yield f"{days} {summary} ({entry})" if summary else f"{days} ({entry})"


def _span(begin: Moment, end: Moment, zone: tzinfo) -> tuple[date, date]:
    """Return the first and the last day of an event. One that ends at midnight does not touch the next day."""
    first, last = _local(begin, zone), _local(end, zone)
    if last > first:
        last -= timedelta(microseconds=1)
    return first.date(), max(first, last).date()


def _local(moment: Moment, zone: tzinfo) -> datetime:
    if isinstance(moment, str):
        return datetime.fromisoformat(moment)  # a day, or a time by the clock on whichever wall
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).replace(tzinfo=None)


def clean(summary: str) -> str:
    """Return the name of an event on one short line of printable text."""
    words = " ".join("".join(char if char.isprintable() else " " for char in summary).split())
    return words if len(words) <= MAX_SUMMARY else f"{words[: MAX_SUMMARY - 1]}…"
