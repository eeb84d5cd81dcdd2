"""The incidents on disk: one file each, open ones and closed ones apart. The rules are in core/incident.py.

Who changes one holds the lock (`changing`). A file that makes no sense counts as no incident: a message too many is
better than none.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import msgspec

from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.incident import Incident, State
from process_control.core.job import is_slug
from process_control.state.first_incident import read_first_incident
from process_control.system import atomic_file, lock
from process_control.system.clock import DAY_SECONDS
from process_control.system.plain_file import open_plain

#: As in the first version, which must not send beside this one during an upgrade.
LOCK = ".telling"
#: The lock of the one that waits for it to send.
WAITING = ".telling.next"
_LARGEST = 8 << 20
#: Good and bad ends that are remembered of a job, and messages that were accepted of an incident.
_MAX_ENDS, _MAX_TAKEN = 20, 500
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfJob:
    """What is remembered of a job."""

    #: Incidents that may be open, host-wide ones too.
    incidents: tuple[str, ...] = ()
    #: Whether the last ends that were posted were good, oldest first.
    ends: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first fields of an incident's file: thousands are read in a storm."""

    id: str
    cause: Cause
    state: State = State.COUNTING


@contextmanager
def changing(run_directory: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of all incidents; yield False when another process has it and `wait` is not set."""
    descriptor = lock.take(run_directory, LOCK, wait=wait)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def next_to_change(run_directory: str) -> Iterator[bool]:
    """Hold the lock of all incidents, after a wait for it; yield False when another process waits for it already.

    That one has yet to look at what there is to do: nobody else need wait.
    """
    descriptor = lock.take(run_directory, LOCK)
    if descriptor is None:
        waiting = lock.take(run_directory, WAITING)
        if waiting is not None:
            try:
                descriptor = lock.take(run_directory, LOCK, wait=True)
            finally:
                os.close(waiting)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


class Store:
    """The incidents below one state directory."""

    def __init__(self, state_directory: str) -> None:
        self._state = state_directory

    # --- read ------------------------------------------------------------------------------------------------------

    def open_incidents(self, *, cause: Cause | None = None) -> list[Incident]:
        """Return those that are not closed, and those whose end was not sent to everybody yet; oldest first.

        With a host-wide `cause` only those of it: their files have its name.
        """
        return _all_in(layout.open_incidents(self._state), f"{cause}~" if cause is not None else "")

    def open_ids(self) -> list[str]:
        """Return the ids of those, by their files' names alone."""
        return [path.rpartition("/")[2].removesuffix(".json") for path in _files_in(layout.open_incidents(self._state))]

    def due_times(self) -> dict[str, float]:
        """Return the ids of those, and when each has to be looked at again (UTC seconds); at once what was written."""
        found = {}
        for path in _files_in(layout.open_incidents(self._state)):
            with suppress(OSError):
                found[path.rpartition("/")[2].removesuffix(".json")] = os.stat(path).st_mtime
        return found

    def closed_incidents(self) -> list[Incident]:
        """Return the closed ones that are kept, oldest first."""
        return _all_in(layout.closed_incidents(self._state))

    def read(self, id: str) -> Incident | None:  # noqa: A002
        """Return an incident, open or closed; None: there is none of that id."""
        if not id or "/" in id:
            return None
        found = _read(layout.open_incident(self._state, id), Incident)
        return found if found is not None else _read(layout.closed_incident(self._state, id), Incident)

    def head(self, id: str) -> Head | None:  # noqa: A002
        """Return what an incident that is not closed is, without the rest of it; None: there is none of that id."""
        return _read(layout.open_incident(self._state, id), Head)

    def of_job(self, slug: str) -> list[Incident]:
        """Return the incidents of a job that are not closed."""
        found = [_read(layout.open_incident(self._state, each), Incident) for each in self.memory_of(slug).incidents]
        return [incident for incident in found if incident is not None and not incident.is_over]

    def memory_of(self, slug: str) -> OfJob:
        """Return what is remembered of a job; an incident of the first version is taken over."""
        if not is_slug(slug):
            return OfJob()
        memory = _read(layout.incidents_of_job(self._state, slug), OfJob)
        if memory is not None:
            return memory
        old = read_first_incident(self._state, slug)
        if old is None:
            return OfJob(incidents=self._opened_by(slug))
        memory = OfJob(incidents=(old.id,), ends=(False,))
        with suppress(OSError):
            self._write(layout.open_incident(self._state, old.id), old)
            self._write(layout.incidents_of_job(self._state, slug), memory)
            os.unlink(layout.first_incident(self._state, slug))  # else it would come back with a lost memory
        return memory

    def _opened_by(self, slug: str) -> tuple[str, ...]:
        """Return what the names of files know of a job, when its memory is lost: else nothing would end these."""
        names = [path.rpartition("/")[2] for path in _files_in(layout.open_incidents(self._state))]
        return tuple(sorted(name.removesuffix(".json") for name in names if name.startswith(f"{slug}~")))

    # --- write: by who holds the lock ------------------------------------------------------------------------------

    def remember_end(self, slug: str, *, is_good: bool) -> int:
        """Add an end to a job's memory; return how often its remembered ends have changed between good and bad."""
        if not is_slug(slug):
            return 0
        memory = self.memory_of(slug)
        ends = (*memory.ends, is_good)[-_MAX_ENDS:]
        self._remember(slug, replace(memory, ends=ends))
        known = (True, *ends) if len(ends) < _MAX_ENDS else ends
        return sum(before != after for before, after in pairwise(known))

    def write(self, incident: Incident, *, jobs: Iterable[str] = ()) -> None:
        """Write an incident, and that it concerns `jobs`. On a full disk a message may be sent twice, never omitted."""
        with suppress(OSError):
            for slug in jobs:
                memory = self.memory_of(slug)
                if incident.id not in memory.incidents:  # first: a name without a file is harmless
                    self._remember(slug, replace(memory, incidents=(*memory.incidents, incident.id)))
            self._write(layout.open_incident(self._state, incident.id), incident)

    def close(self, incident: Incident) -> None:
        """Move an incident of whose end everybody was notified to the closed ones."""
        try:
            if incident.opened_at is not None:  # else nobody has heard of it
                self._write(layout.closed_incident(self._state, incident.id), incident)
            with suppress(FileNotFoundError):
                os.unlink(layout.open_incident(self._state, incident.id))
        except OSError:  # the next good run of its jobs closes it, as long as they remember it
            return
        for slug in incident.parts:
            memory = self.memory_of(slug)
            if incident.id in memory.incidents:
                left = tuple(each for each in memory.incidents if each != incident.id)
                self._remember(slug, replace(memory, incidents=left))

    def look_again(self, id: str, at: float) -> None:  # noqa: A002
        """Note when an open incident has to be looked at again, if it is not written before (UTC seconds)."""
        with suppress(OSError):
            os.utime(layout.open_incident(self._state, id), (at, at))

    def settled_for(self) -> str:
        """Return for what nothing more was owed, as `note_settled_for` has it; "" when that is unknown."""
        try:
            with open_plain(layout.incidents_settled_for(self._state)) as file:
                return file.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""

    def note_settled_for(self, stamp: str) -> None:
        """Note the stamp of configuration and silences for which all incidents were looked at."""
        if stamp == self.settled_for():
            return
        with suppress(OSError):
            atomic_file.write_unsynced(layout.incidents_settled_for(self._state), stamp.encode(), mode=0o640)

    def record_taken(self, id: str, entry: dict[str, str]) -> None:  # noqa: A002
        """Add what a channel took, or gave up, to an incident, open or closed."""
        incident = self.read(id)
        if incident is None or any(
            known["id"] == entry["id"] and known["to"] == entry["to"] for known in incident.taken
        ):
            return
        changed = replace(incident, taken=(*incident.taken, entry)[-_MAX_TAKEN:])
        path = layout.open_incident(self._state, id)
        with suppress(OSError):
            self._write(path if os.path.exists(path) else layout.closed_incident(self._state, id), changed)

    def forget_closed(self, *, days: float) -> None:
        """Remove incidents that were closed longer ago than that, and what a killed process left half written."""
        now = time.time()
        for directory in (layout.closed_incidents(self._state), layout.open_incidents(self._state)):
            for path in _files_in(directory, ending=".new"):
                _remove_if_older(path, now - DAY_SECONDS)
        for path in _files_in(layout.closed_incidents(self._state)):
            _remove_if_older(path, now - days * DAY_SECONDS)

    def _remember(self, slug: str, memory: OfJob) -> None:
        with suppress(OSError):
            self._write(layout.incidents_of_job(self._state, slug), memory)

    def _write(self, path: str, value: object) -> None:
        data = msgspec.json.encode(value) + b"\n"
        try:
            atomic_file.write(path, data)
        except FileNotFoundError:
            atomic_file.make_directory(path.rpartition("/")[0], 0o750)
            atomic_file.write(path, data)


def _all_in(directory: str, beginning: str = "") -> list[Incident]:
    paths = [path for path in _files_in(directory) if path.startswith(f"{directory}/{beginning}")]
    found = [_read(path, Incident) for path in paths]
    return sorted((each for each in found if each is not None), key=lambda each: (each.since, each.id))


def _remove_if_older(path: str, than: float) -> None:
    with suppress(OSError):
        if os.stat(path).st_mtime < than:
            os.unlink(path)


def _files_in(directory: str, *, ending: str = ".json") -> list[str]:
    try:
        return [f"{directory}/{name}" for name in os.listdir(directory) if name.endswith(ending)]
    except OSError:
        return []


def _read(path: str, kind: type[Value]) -> Value | None:
    try:
        with open_plain(path) as file:
            return msgspec.json.decode(file.read(_LARGEST), type=kind)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
