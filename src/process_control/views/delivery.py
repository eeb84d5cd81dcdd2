"""Whether messages reach people: what has waited for too long, and whether any channel takes something meanwhile."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.measures import duration
from process_control.history.journal_reader import backwards
from process_control.notify import spool
from process_control.notify.spool import MAIL_QUEUE
from process_control.system.clock import DAY_SECONDS, iso
from process_control.views.alerts import LONG_WAITING_SECONDS

EVENTS = ("mail", "message")
#: Queues and kinds of trouble that are named; of more there is a number.
MAX_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Messages that have waited for too long."""

    #: In words, with where the reason is after a semicolon.
    what: str
    #: Whether no channel has accepted any message since: nobody is reached.
    is_dead: bool


def stuck_messages(state_directory: str, now: float) -> Stuck | None:
    """Return what has waited for too long at `now`; None when nothing has. Who may not see it asks the incidents."""
    place = layout.spool(state_directory)
    if os.path.exists(place) and not os.access(place, os.R_OK | os.X_OK):
        return _by_the_incident(state_directory, now)
    late = {queue: found for queue in spool.folders(state_directory) if (found := _late(state_directory, queue, now))}
    if not late:
        return None
    messages = {queue: found for queue, found in late.items() if queue != spool.PINGS}
    # The last queue to stand still: one that stands for long is no sign that the others do.
    since = max((found[0][0] for found in messages.values()), default=now)
    is_dead = bool(messages) and not _is_accepted_since(state_directory, since, now)
    what = _in_words(state_directory, late, now) + (", and no channel has accepted any since" if is_dead else "")
    return Stuck(what=f"{what}; for the reason: {_audit(late)}", is_dead=is_dead)


Late = Sequence[tuple[float, str]]


def _late(state_directory: str, queue: str, now: float) -> Late:
    """Return since when entries of a queue have waited for too long, and their names; oldest first."""
    found = [(_seconds_of(name.partition("~")[0]), name) for name in spool.names(state_directory, queue)]
    return [(since, name) for since, name in found if since is not None and now - since > LONG_WAITING_SECONDS]


def _in_words(state_directory: str, late: dict[str, Late], now: float) -> str:
    """Return `2 mails wait to be sent, the oldest for 1 h`, with the channel when it is not mail alone."""
    count = sum(len(found) for found in late.values())
    one, many = _nouns(set(late))
    waits = f"1 {one} waits" if count == 1 else f"{count} {many} wait"
    names = [_name_of(state_directory, queue, found) for queue, found in late.items()]
    names = names[:MAX_NAMED] + ([f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else [])
    to = "" if set(late) <= {MAIL_QUEUE, spool.PINGS} and len(late) == 1 else f" ({', '.join(names)})"
    oldest = min(found[0][0] for found in late.values())
    return f"{waits} to be sent{to}, the oldest for {duration(now - oldest)}"


def _nouns(queues: set[str]) -> tuple[str, str]:
    return {MAIL_QUEUE: ("mail", "mails"), spool.PINGS: ("ping", "pings")}.get(
        next(iter(queues)) if len(queues) == 1 else "", ("message", "messages")
    )


def _name_of(state_directory: str, queue: str, late: Late) -> str:
    """Return how a queue is shown: mail, or the harmless part of a URL."""
    if queue in (MAIL_QUEUE, spool.PINGS):
        return queue
    if queue == spool.EVENTS:
        return "not yet put into words"
    from process_control.notify.queue import recipient_of  # `status` asks each time, and rarely is anything late

    entry = spool.read(state_directory, queue, late[0][1])
    return recipient_of(entry).shown if entry is not None else queue.partition("~")[0]


def _audit(late: dict[str, Late]) -> str:
    events = [*(["mail"] if MAIL_QUEUE in late else []), *(["message"] if set(late) - {MAIL_QUEUE} else [])]
    return "process-control audit " + " ".join(f"--event {event}" for event in events)


def _by_the_incident(state_directory: str, now: float) -> Stuck | None:
    """Return what `watch` has found, for who may read the incidents and not the spool."""
    from process_control.state.incident_store import Store

    for incident in Store(state_directory).open_incidents(cause=Cause.MAIL_DEAD):
        since = _seconds_of(incident.since)
        if incident.is_open and since is not None:
            is_dead = now - since > LONG_WAITING_SECONDS and not _is_accepted_since(state_directory, since, now)
            more = ", and no channel has accepted any since" if is_dead else ""
            return Stuck(what=f"{incident.sentence}{more}; more: process-control incidents", is_dead=is_dead)
    return None


def _is_accepted_since(state_directory: str, since: float, now: float) -> bool:
    """Return whether any channel has accepted a message since then, or in the last day."""
    begin = iso(max(since, now - DAY_SECONDS))
    found = backwards(state_directory, since=begin, needle='"result":"sent"', not_before=begin)
    return any(record.get("event") in EVENTS and str(record.get("at")) >= begin for record in found)


def _seconds_of(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
