"""The incidents of a host: open ones, closed ones that are kept, and the story of one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from process_control.config.settings import Settings
from process_control.core.incident import Incident, State
from process_control.history.journal_reader import newest
from process_control.notify import spool
from process_control.notify.incident_json import incident_json
from process_control.notify.jobs_now import job_as_it_is
from process_control.notify.syslog_line import sentence_for_people
from process_control.state.incident_store import Store
from process_control.state.silences import Silence, read_silences, silenced_until

#: A run that has just failed is in the list, unless nobody reads what it has posted.
PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An incident, and until when nobody is notified about any of its jobs (ISO 8601; None: somebody is)."""

    incident: Incident
    silenced_until: str | None

    def to_json(self) -> dict[str, Any]:
        return incident_json(self.incident, silenced_until=self.silenced_until)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story of an incident: when (ISO 8601), and what."""

    at: str
    what: str


def wait_for_what_was_posted(state_directory: str) -> None:
    """Wait, for a moment only, while the process that sends has yet to read what a run has just posted."""
    until = time.monotonic() + PATIENCE_SECONDS
    while spool.names(state_directory, spool.EVENTS) and time.monotonic() < until:
        time.sleep(0.02)


class Incidents:
    """What can be seen of incidents at `now` (ISO 8601)."""

    def __init__(self, settings: Settings, *, now: str) -> None:
        self._settings = settings
        self._store = Store(settings.state_directory)
        self._silences: Sequence[Silence] = read_silences(settings.state_directory, now=now)

    def all(self, *, with_closed: bool = False, jobs: Sequence[str] | None = None) -> list[Seen]:
        """Return the open incidents, newest first; with closed ones those after them. `jobs`: only about these."""
        known = self._store.open_incidents()
        found = sorted((each for each in known if each.is_open), key=_newest_first, reverse=True)
        if with_closed:
            over = [each for each in (*known, *self._store.closed_incidents()) if each.state is State.CLOSED]
            found += sorted((each for each in over if each.opened_at is not None), key=_newest_first, reverse=True)
        wanted = None if jobs is None else set(jobs)
        return [self._seen(each) for each in found if wanted is None or wanted & set(each.parts)]

    def one(self, id: str) -> Seen | None:  # noqa: A002
        """Return an incident by its id, or by the beginning of it that only one of the open ones has, or one of all."""
        found = self._store.read(id)
        if found is None:
            starting = [each for each in self.all(with_closed=True) if each.incident.id.startswith(id)]
            now_open = [each for each in starting if each.incident.is_open]
            named = now_open or starting
            return named[0] if id and len(named) == 1 else None
        return self._seen(found) if found.state is not State.COUNTING else None

    def story(self, incident: Incident) -> list[Step]:
        """Return what the journal has of an incident, oldest first: its changes, and each message."""
        events = ("incident", "mail", "message")
        records = newest(self._settings.state_directory, since=incident.since, until="~", jobs=None, events=events)
        found = [record for record in records if record.get("incident") == incident.id]
        found.sort(key=lambda record: str(record["at"]))
        return [Step(str(record["at"]), _in_words(record)) for record in found]

    def _seen(self, incident: Incident) -> Seen:
        ends = [self._silenced_until(slug) for slug in incident.jobs]
        known = [end for end in ends if end is not None]
        return Seen(incident=incident, silenced_until=min(known) if known and len(known) == len(ends) else None)

    def _silenced_until(self, slug: str) -> str | None:
        if not self._silences:
            return None
        job = job_as_it_is(slug, self._settings)
        return silenced_until(self._silences, slug, () if job is None else job.tags)


def _newest_first(incident: Incident) -> str:
    return incident.opened_at or incident.since


def _in_words(record: dict[str, Any]) -> str:
    words = sentence_for_people(record)
    by = f", by {record['by']}" if record.get("by") else ""
    note = f": {record['note']}" if record.get("note") else ""
    to = f" to {record['to']}" if record.get("to") else ""
    return f"{words}{to}{by}{note}"
