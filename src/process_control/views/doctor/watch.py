"""Checks that `watch` looks every minute, where somebody wants it to."""

from datetime import datetime

from process_control.core import layout
from process_control.core.heartbeat import LOOK_SECONDS
from process_control.core.measures import duration
from process_control.state.block import read_mark
from process_control.views.doctor.finding import BAD, Finding, fine
from process_control.views.doctor.look import Look

CHECK = "watch"


def check(look: Look, *, started_by: str | None) -> list[Finding]:
    """Return that `watch` does not look although it should. `started_by`: what starts it; None: nothing."""
    note = read_mark(layout.watch_note(look.settings.state_directory))
    if started_by is None:
        return fine(CHECK, "no job needs it" if note is None else "the crontab has no line for it")
    at = None if note is None else _seconds(note.get("at"))
    if at is None:
        what = f"watch has never looked, although {started_by}"
    elif look.now - at > LOOK_SECONDS:
        what = f"watch looked last {duration(look.now - at)} ago, and should every minute"
    else:
        return fine(CHECK, f"its last look was {duration(look.now - at)} ago")
    return [Finding(check=CHECK, state=BAD, what=what, remedy="process-control watch")]


def _seconds(moment: object) -> float | None:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
