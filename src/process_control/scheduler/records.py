"""What the scheduler leaves behind: the note of which process it is, and the records of its start and end."""

import os
from contextlib import suppress
from typing import Any

from process_control.actions.rights import Actor
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import ProcessControlError
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.state.block import Identity, write_mark
from process_control.state.scheduler_note import note_drain, note_end, read_note, write_note
from process_control.system.clock import iso


def note_the_start(actor: Actor, now: float) -> None:
    """Say in state and journal that this process is the scheduler from now on."""
    write_note(actor.settings.state_directory, identity=Identity(), now=now)
    _record(actor, "started", now)


def note_the_end(actor: Actor, now: float) -> None:
    """Say that it was stopped. A scheduler that was killed has no end."""
    _record(actor, "ended", now)
    note_end(actor.settings.state_directory, now)


def note_the_lag(actor: Actor, lag: dict[str, Any]) -> None:
    """Keep how late the last starts were, for the views. Never raises."""
    try:
        write_mark(layout.scheduler_lag(actor.settings.state_directory), {"pid": os.getpid(), **lag})
    except OSError:
        pass


def note_the_drain(actor: Actor, now: float, *, by: str) -> None:
    """Say that this scheduler starts nothing more. What cannot be written now must not end it."""
    _record(actor, "draining", now, by=by)
    with suppress(OSError, ProcessControlError):
        note_drain(actor.settings.state_directory, now)


def _record(actor: Actor, change: str, now: float, *, by: str | None = None) -> None:
    """Append the record. What cannot be written now must not end the scheduler: the note says the same."""
    record: dict[str, object] = {
        "event": "scheduler",
        "at": iso(now),
        "change": change,
        "by": by or actor.by,
        "host": actor.host,
        "pid": os.getpid(),
    }
    try:
        journal.append(actor.settings.state_directory, record)
    except (ProcessControlError, OSError):
        pass
    announce(actor.settings, record)


def who_holds_the_lock(settings: Settings) -> str:
    """Return in words that another scheduler runs."""
    note = read_note(settings.state_directory)
    if note is None or note.ended_at is not None:
        return "another scheduler is starting"
    return f"another scheduler runs: pid {note.pid}, since {note.started_at}"
