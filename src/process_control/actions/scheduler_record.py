"""Record what becomes of the scheduler: its note for readers, the journal, the syslog."""

import os

from process_control.actions.rights import Actor
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.state.block import Identity
from process_control.state.scheduler_note import note_end, write_note
from process_control.system.clock import iso


def record_start(actor: Actor, *, identity: Identity, now: float, detail: str | None = None) -> None:
    """Record that this process is the scheduler from `now` (UTC seconds). Raises CannotRecord (74).

    Called with the scheduler's lock held. `identity` was made before rights were dropped.
    """
    try:
        write_note(actor.settings.state_directory, identity=identity, now=now)
    except OSError as error:
        raise _cannot_record(actor, error) from error
    _record(actor, "started", now, detail)


def record_reload(actor: Actor, *, now: float, detail: str | None = None) -> None:
    """Record that the scheduler has read the configuration again. Raises CannotRecord (74)."""
    _record(actor, "reloaded", now, detail)


def record_end(actor: Actor, *, now: float, detail: str | None = None) -> None:
    """Record that the scheduler ends in good order: from now on it is not in charge. Raises CannotRecord (74).

    The journal comes first: with the note alone nobody would see when and why it has ended.
    """
    _record(actor, "ended", now, detail)
    try:
        note_end(actor.settings.state_directory, now)
    except OSError as error:
        raise _cannot_record(actor, error) from error


def _record(actor: Actor, change: str, now: float, detail: str | None) -> None:
    record: dict[str, object] = {
        "event": "scheduler",
        "at": iso(now),
        "change": change,
        "by": actor.by,
        "host": actor.host,
        "pid": os.getpid(),
        "detail": detail,
    }
    journal.append(actor.settings.state_directory, record, now=now)
    announce(actor.settings, record)


def _cannot_record(actor: Actor, error: OSError) -> CannotRecord:
    return CannotRecord(
        f"the note of the scheduler cannot be written: {error.strerror}", where=actor.settings.state_directory
    )
