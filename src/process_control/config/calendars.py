"""What the key `exclude` comes to: its dates and ranges, and the days of the calendars that it names.

What was read of a calendar is kept in the state directory: all jobs that use it share one reading, and when it cannot
be read any more, the last good reading counts for a while.
"""

import fcntl
import hashlib
import posix
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from process_control.config.cache.read import file_stamp
from process_control.config.calendar_file import read_file
from process_control.config.calendar_reading import (
    HOLIDAYS_LIBRARY,
    LIBRARIES,
    NotRead,
    events_of,
    library_files,
    version_of,
)
from process_control.config.libraries import find_site_packages
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.schedule.excluded import (
    HOLIDAYS,
    MAX_DAYS,
    Event,
    days_of_events,
    is_days,
    window,
    window_ends,
)
from process_control.core.schedule.plan import zone_of
from process_control.errors import Fault
from process_control.system import atomic_file
from process_control.system.clock import DAY_SECONDS, iso
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

#: How long the last good reading counts when a calendar cannot be read.
GOOD_DAYS = 30

_MAX_READING = 4 << 20
_HOUR = 3600


@dataclass(slots=True, kw_only=True)
class Resolved:
    """The days of one job's `exclude`. `made_of` is empty without calendars."""

    days: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    #: by path: the state of each file that decides, None for one that is missing
    stamps: list[list[Any]] = field(default_factory=list)
    #: calendars that cannot be read, while earlier readings of them count
    stale: list[str] = field(default_factory=list)
    #: the first calendar of which nothing is known
    fault: Fault | None = None


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a calendar says, and of what that was made."""

    made_of: str
    events: list[Event]
    #: why it cannot be read now, and what helps; None: it can
    stale: str | None = None
    hint: str = ""


class Calendars:
    """The calendars of one configuration, each read once."""

    def __init__(self, settings: Settings, now: float) -> None:
        find_site_packages()
        self._settings = settings
        self._now = now
        self._first, self._last = window(now)
        self._readings: dict[str, Reading | Fault] = {}

    @property
    def until(self) -> float:
        """The moment from which on other days count."""
        return window_ends(self._now)

    def resolve(self, exclude: Sequence[str], time_zone: str | None, where: str) -> Resolved:
        """Return the days of a job's `exclude`. `where` is its file, for messages."""
        found = Resolved()
        days: list[str] = []
        made_of: list[str] = []
        for entry in exclude:
            if is_days(entry):
                days.append(entry)
                made_of.append(entry)
                continue
            source = self.source_of(entry)
            self._stamp(found, source)
            reading = self.reading(entry, source)
            if isinstance(reading, Fault):
                made_of.append(entry)
                found.fault = found.fault or Fault(reading.what, where=where, hint=reading.hint)
                continue
            if reading.stale:
                found.stale.append(reading.stale)
            days += days_of_events(reading.events, zone_of(time_zone), entry)
            made_of.append(f"{entry} {reading.made_of} {self._last}")
        if len(days) > MAX_DAYS:
            what = f"exclude: more than {MAX_DAYS} days and ranges"
            found.fault = found.fault or Fault(what, where=where, hint="exclude calendars with fewer events")
        found.days = tuple(days[:MAX_DAYS])
        if found.stamps:
            found.made_of = tuple(made_of)
        return found

    def source_of(self, entry: str) -> str:
        """Return the path, or `holidays:REGION`, that an entry names."""
        return entry if entry.startswith(HOLIDAYS) else str(self._settings.calendars.get(entry, ""))

    def reading(self, entry: str, source: str) -> Reading | Fault:
        """Return what the calendar says; a fault when nothing is known of it."""
        known = self._readings.get(source)
        if known is None:
            known = self._readings[source] = self._read(entry, source)
        return known

    def _stamp(self, found: Resolved, source: str) -> None:
        paths = library_files(source) + ([] if source.startswith(HOLIDAYS) else [source])
        known = {path for path, _ in found.stamps}
        found.stamps += [[path, file_stamp(path)] for path in paths if path not in known]
        if not found.stamps:
            found.stamps.append([source, None])

    def _read(self, entry: str, source: str) -> Reading | Fault:
        kept = _Kept(self._settings, source, self._now)
        try:
            if not source:
                raise NotRead("is not in the configuration", "add it under 'calendars'", is_final=True)
            return self._read_now(source, kept)
        except NotRead as error:
            named = entry if source in (entry, "") else f"{entry} ({source})"
            what = f"exclude: calendar {named} {error.what}"
            if error.is_final or kept.record is None or not 0 <= self._now - kept.at < GOOD_DAYS * DAY_SECONDS:
                return Fault(what, where="", hint=error.hint)
            ends = iso(kept.at + GOOD_DAYS * DAY_SECONDS)[:10]
            stale = f"{what}; its reading of {iso(kept.at)[:10]} counts until {ends}"
            return Reading(made_of=kept.made_of, events=kept.events, stale=stale, hint=error.hint)

    def _read_now(self, source: str, kept: "_Kept") -> Reading:
        if source.startswith(HOLIDAYS):
            text, libraries = b"", version_of(HOLIDAYS_LIBRARY)
        else:
            libraries = ", ".join(map(version_of, LIBRARIES))
            text = read_file(source, self._settings)
        made_of = f"{hashlib.sha256(source.encode() + text).hexdigest()[:12]} {libraries}"
        if kept.is_of(made_of, str(self._last)):
            if self._now - kept.at >= _HOUR or self._now < kept.at:
                kept.keep(at=self._now)
            return Reading(made_of=made_of, events=kept.events)
        if (bad := kept.bad(made_of)) is not None:
            raise NotRead(*bad)
        try:
            events = events_of(source, text, self._first, self._last)
        except NotRead as error:
            kept.keep(bad=[made_of, error.what, error.hint])
            raise
        kept.keep(at=self._now, made_of=made_of, until=str(self._last), events=events, bad=None)
        return Reading(made_of=made_of, events=events)


class _Kept:
    """The last good reading of a calendar, in the state directory."""

    def __init__(self, settings: Settings, source: str, now: float) -> None:
        self._settings = settings
        self._path = layout.calendar(settings.state_directory, hashlib.sha256(source.encode()).hexdigest()[:12])
        self._values: dict[str, Any] = {"source": source}
        self._now = now
        try:
            with open_plain(self._path) as file:
                values = decode(file.read(_MAX_READING).decode("utf-8", "replace"))
        except (OSError, ValueError):
            return
        if isinstance(values, dict) and values.get("source") == source:
            self._values = values

    @property
    def record(self) -> dict[str, Any] | None:
        sound = isinstance(self._values.get("events"), list) and isinstance(self._values.get("at"), (int, float))
        return self._values if sound else None

    @property
    def at(self) -> float:
        return float(self._values.get("at") or 0)

    @property
    def made_of(self) -> str:
        return str(self._values.get("made_of"))

    @property
    def events(self) -> list[Event]:
        return [(begin, end, str(summary)) for begin, end, summary in self._values["events"]]

    def is_of(self, made_of: str, until: str) -> bool:
        return self.record is not None and self.made_of == made_of and self._values.get("until") == until

    def bad(self, made_of: str) -> tuple[str, str] | None:
        """Return what was wrong when these very bytes were read before."""
        bad = self._values.get("bad")
        return (str(bad[1]), str(bad[2])) if isinstance(bad, list) and len(bad) == 3 and bad[0] == made_of else None

    def keep(self, **changes: object) -> None:
        """Write the reading, when the state directory is ours. What cannot be kept is read again."""
        self._values |= changes
        directory = self._path.rpartition("/")[0]
        try:
            if not self._is_ours():
                return
            atomic_file.make_directory(directory, 0o750)
            lock = posix.open(directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                atomic_file.write(self._path, encode(self._values).encode("ascii"))
            finally:
                posix.close(lock)
        except OSError:
            return

    def _is_ours(self) -> bool:
        try:
            return posix.stat(self._settings.state_directory).st_uid == posix.geteuid()
        except FileNotFoundError:
            return posix.geteuid() != 0 or self._settings.user in (None, "root")


def faults_of_calendars(settings: Settings) -> list[Fault]:
    """Return which calendars of the configuration cannot be read now, whatever was read earlier."""
    return faults_of_exclude(list(settings.calendars), settings)


def faults_of_exclude(exclude: Sequence[str], settings: Settings) -> list[Fault]:
    """Do as `faults_of_calendars` does, for the calendars of a job."""
    calendars = Calendars(settings, time.time())
    found = []
    for name in exclude:
        if is_days(name):
            continue
        reading = calendars.reading(name, calendars.source_of(name))
        what = reading.what if isinstance(reading, Fault) else reading.stale
        if what is not None:
            found.append(Fault(what.removeprefix("exclude: "), where=settings.path or "", hint=reading.hint))
    return found
