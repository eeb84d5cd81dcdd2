"""Read a calendar with the libraries of the extra [calendars]: a file of iCalendar, or the holidays of a region.

The libraries work in a child with limits of time and memory: an event may repeat every second until the year 9999.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from process_control.core.schedule.excluded import HOLIDAYS, Event, clean
from process_control.core.suggestions import nearest
from process_control.errors import ProcessControlError
from process_control.system.ask import NoAnswer, ask

LIBRARIES = ("icalendar", "recurring-ical-events")
HOLIDAYS_LIBRARY = "holidays"
#: How much work a calendar may be; on a busy host that takes longer, and it is not the calendar's fault.
CPU_SECONDS = 5
SECONDS = 60.0
MAX_EVENTS = 10_000
_MEMORY = 2 << 30
_TOO_OFTEN = ("SECONDLY", "MINUTELY")
INSTALL = "install it for the Python that runs process-control: pip install 'process-control[calendars]'"


class NotRead(Exception):
    """A calendar that cannot be read. `is_final`: what was read of it earlier does not help."""

    def __init__(self, what: str, hint: str, *, is_final: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.is_final = is_final


def version_of(library: str) -> str:
    """Return name and version of a library. Raises NotRead when it is not installed."""
    from importlib import metadata

    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        what = f"needs the package {library}, which is not installed"
        raise NotRead(what, INSTALL, is_final=True) from None


def library_files(source: str) -> list[str]:
    """Return the files that change when a library of a calendar is upgraded or removed."""
    from importlib.util import find_spec

    names = (HOLIDAYS_LIBRARY,) if source.startswith(HOLIDAYS) else ("icalendar", "recurring_ical_events")
    specs = [find_spec(name) for name in names]
    return [spec.origin for spec in specs if spec is not None and spec.origin]


# --- what the libraries make of it -----------------------------------------------------------------------------------


def events_of(source: str, text: bytes, first: date, last: date) -> list[Event]:
    """Return the events of a calendar between two days. Raises NotRead."""
    if source.startswith(HOLIDAYS):
        region = source.removeprefix(HOLIDAYS)
        return _asked(lambda: _holidays(region, first, last), "holidays cannot be found out")
    return _asked(lambda: _events(text, first, last), "is no calendar that can be read")


def _asked(question: Callable[[], Any], what: str) -> list[Event]:
    try:
        answer = ask(lambda: _limited(question), seconds=SECONDS)
    except NoAnswer:
        raise NotRead(
            f"takes more than {CPU_SECONDS} s or too much memory to read", "does an event repeat every second?"
        ) from None
    except ProcessControlError as error:
        raise NotRead(f"{what}: {clean(error.faults[0].what)}", error.faults[0].hint) from error
    except OSError as error:
        raise NotRead(f"{what}: {error.strerror}", "") from error
    if "wrong" in answer:
        raise NotRead(*answer["wrong"])
    if len(answer["events"]) > MAX_EVENTS:
        raise NotRead(f"has more than {MAX_EVENTS} events in a year", "keep in it only what stops jobs")
    return [(begin, end, summary) for begin, end, summary in answer["events"]]


def _limited(question: Callable[[], Any]) -> Any:
    """Answer in the child within limits of memory and of processor time."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    return question()


def _holidays(region: str, first: date, last: date) -> dict[str, Any]:
    import holidays

    if wrong := _wrong_region(region, holidays.list_supported_countries(include_aliases=True)):
        return {"wrong": wrong}
    country, _, part = region.partition("-")
    years = range(first.year, last.year + 1)
    found = holidays.country_holidays(country, subdiv=part or None, years=years, language="en_US")
    day = timedelta(1)
    days = sorted((each, str(name)) for each, name in found.items() if first <= each <= last)
    return {"events": [[each.isoformat(), (each + day).isoformat(), clean(name)] for each, name in days]}


def _wrong_region(region: str, known: dict[str, list[str]]) -> list[str]:
    country, _, part = region.partition("-")
    upper = region.upper()
    if region != upper and not _wrong_region(upper, known):
        return ["names no region: they are written in capitals", f"did you mean '{HOLIDAYS}{upper}'?"]
    if country not in known:
        near = nearest(country, known)
        hint = f"did you mean '{HOLIDAYS}{near}'?" if near else "write a country by its two letters: DE, DE-BY, US-CA"
        return [f"names no country with known holidays: '{country}'", hint]
    parts = known[country]
    if part and part not in parts:
        near = nearest(part, parts)
        meant = f"did you mean '{HOLIDAYS}{country}-{near}'? " if near else ""
        return [f"names no part of {country}: '{part}'", f"{meant}{country} has {', '.join(parts) or 'no parts'}"]
    return []


@lru_cache(maxsize=256)
def wrong_region(region: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a region, and a hint; None when nothing is, or nobody here knows."""
    try:
        version_of(HOLIDAYS_LIBRARY)
        found = ask(lambda: _limited(lambda: _region(region)), seconds=SECONDS)
    except (NotRead, NoAnswer, ProcessControlError, OSError):
        return None  # reported when it is read
    return (found[0], found[1]) if found else None


def _region(region: str) -> list[str]:
    import holidays

    return _wrong_region(region, holidays.list_supported_countries(include_aliases=True))


def _events(text: bytes, first: date, last: date) -> dict[str, Any]:
    import icalendar
    import recurring_ical_events  # type: ignore[import-untyped,unused-ignore]

    try:
        calendar = icalendar.Calendar.from_ical(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return {"wrong": ["is not UTF-8", "save it as UTF-8"]}
    except (ValueError, IndexError, KeyError) as error:
        return {"wrong": [f"is no iCalendar file: {clean(str(error))}", "export it as iCalendar (.ics)"]}
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE") or []
        for rule in rules if isinstance(rules, list) else [rules]:
            often = [word for word in _TOO_OFTEN if word in map(str, rule.get("FREQ", []))]
            if often:
                what = f"has an event that repeats {often[0].lower()}: '{clean(str(event.get('SUMMARY', '')))}'"
                return {"wrong": [what, "only days count here: let it repeat daily"]}
    try:
        found = recurring_ical_events.of(calendar).between(first, last)
    except MemoryError:
        return {"wrong": ["takes too much memory to read", "does an event repeat every second?"]}
    events = [_event(each) for each in found if str(each.get("STATUS", "")).upper() != "CANCELLED"]
    return {"events": list(map(list, dict.fromkeys(events)))}


def _event(event: Any) -> Event:
    begin = event["DTSTART"].dt
    end = event["DTEND"].dt if "DTEND" in event else begin
    if isinstance(begin, datetime) and not isinstance(end, datetime):
        end = begin
    if not isinstance(begin, datetime) and end <= begin:
        end = begin + timedelta(1)
    return _moment(begin), _moment(end), clean(str(event.get("SUMMARY", "")))


def _moment(value: date | datetime) -> str | float:
    """Return a date or a time without a zone as text, else UTC seconds."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).timestamp()
    return value.isoformat()
