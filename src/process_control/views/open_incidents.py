"""Open incidents in words: how many there are, and that of a job with the command to answer it."""

import shlex
from collections.abc import Iterable

from process_control.core.incident import Incident
from process_control.core.sentence import Sentence
from process_control.state.all_jobs import AllJobs
from process_control.state.incident_store import Head, Store
from process_control.state.silences import read_silences

#: Incidents that are read to be counted: in a storm there are thousands.
MAX_COUNTED = 200


def count_in_words(state_directory: str) -> str | None:
    """Return `2 open incidents: process-control incidents`; None when there is none."""
    store = Store(state_directory)
    ids = store.open_ids()
    found = [store.read(each) for each in ids[:MAX_COUNTED]]
    count = sum(each is not None and each.is_open for each in found)
    if not count:
        return None
    number = f"more than {count}" if len(ids) > MAX_COUNTED else str(count)
    return f"{number} open incident{'' if number == '1' else 's'}: process-control incidents"


class IncidentsOfJobs:
    """The open incidents of thousands of jobs: where there are none, nothing but a directory is read."""

    def __init__(self, state_directory: str, all_jobs: AllJobs) -> None:
        self._store = Store(state_directory)
        self._all_jobs = all_jobs
        self._heads: dict[str, Head | None] = dict.fromkeys(self._store.open_ids())
        self._by_name: dict[str, list[str]] = {}
        for each in self._heads:
            self._by_name.setdefault(each.partition("~")[0], []).append(each)

    def of(self, slug: str) -> str | None:
        """Return the id of the job's open incident, one of the whole host last; None: there is none."""
        if not self._heads:
            return None
        memory = self._all_jobs.mark(slug, "incidents") or {}
        named = memory.get("incidents")
        ids = named if isinstance(named, list) else self._by_name.get(slug, [])
        heads = [head for each in ids if each in self._heads and (head := self._head(each)) is not None]
        found = sorted((head for head in heads if head.state.is_open), key=lambda head: head.cause.is_host_wide)
        return found[0].id if found else None

    def _head(self, id: str) -> Head | None:  # noqa: A002
        if self._heads[id] is None:
            self._heads[id] = self._store.head(id)
        return self._heads[id]


def incidents_of_job(state_directory: str, slug: str, tags: Iterable[str], *, now: str) -> list[Sentence]:
    """Return the open incidents of a job and until when it is silenced, each with a command. `now`: ISO 8601 UTC."""
    known = list(tags)
    found = [_of_one(each) for each in Store(state_directory).of_job(slug) if each.is_open]
    silences = [each for each in read_silences(state_directory, now=now) if each.concerns(slug, known)]
    if silences:
        last = max(silences, key=lambda each: each.until)
        words = f"It is silenced until {last.until}: nobody is notified. To end that:"
        found.append(Sentence(words, f"process-control unsilence {_word(last.job or f'tag:{last.tag}')}"))
    return found


def _of_one(incident: Incident) -> Sentence:
    """Return one incident: acknowledged by whom, else the command that does it."""
    about = f"Incident {incident.id} is open since {incident.opened_at or incident.since}"
    known = incident.acknowledged
    if known is None:
        return Sentence(f"{about}. To acknowledge it:", f"process-control ack {_word(incident.id)} --note 'why'")
    note = f" ({known['note']})" if known.get("note") else ""
    by = f", acknowledged by {known.get('by') or 'somebody'} at {known.get('at')}{note}"
    changed = ", and has changed since" if incident.is_changed else ""
    return Sentence(f"{about}{by}{changed}. All of it:", f"process-control incidents show {_word(incident.id)}")


def _word(text: str) -> str:
    """Return a word for a shell; a tilde within it needs no quotes."""
    return text if shlex.quote(text.replace("~", "-")) == text.replace("~", "-") else shlex.quote(text)
