"""Silence jobs or tags, and end that: nobody is notified about them, and they run on."""

import time
from collections.abc import Sequence

from process_control.actions.rights import Actor
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.outbox import Outbox
from process_control.state.incident_store import changing
from process_control.state.silences import Silence, read_silences, write_silences
from process_control.system.clock import iso


def silence(
    actor: Actor, *, jobs: Sequence[str], tags: Sequence[str], seconds: float, note: str | None
) -> list[Silence]:
    """Notify nobody about jobs and tags for so long; a silence that lasts longer is kept. Raises CannotRecord (74)."""
    now = time.time()
    until, at = iso(now + seconds), iso(now)
    named = [("", tag) for tag in tags] + [(job, "") for job in jobs]
    made = [Silence(job=job, tag=tag, until=until, at=at, by=actor.by, note=note or "") for job, tag in named]
    with changing(actor.settings.run_directory):
        known = {(each.job, each.tag): each for each in read_silences(actor.settings.state_directory, now=at)}
        for each in made:
            before = known.get((each.job, each.tag))
            if before is None or before.until < each.until:
                known[each.job, each.tag] = each
        _write(actor, list(known.values()))
    done = [known[each.job, each.tag] for each in made]
    for each in done:
        _record(actor, each, change="added", at=at)
    return done


def unsilence(actor: Actor, *, jobs: Sequence[str], tags: Sequence[str]) -> list[Silence]:
    """End silences of jobs and tags, and return them; what they kept back is sent now. Raises CannotRecord (74)."""
    at = iso(time.time())
    with changing(actor.settings.run_directory):
        known = read_silences(actor.settings.state_directory, now=at)
        ended = [each for each in known if (each.tag in tags if each.tag else each.job in jobs)]
        if not ended:
            return []
        _write(actor, [each for each in known if each not in ended])
    for each in ended:
        _record(actor, each, change="removed", at=at)
    try:
        spool.look_again(actor.settings.state_directory, 0)
    except OSError as error:
        raise CannotRecord(error.strerror or str(error), where=actor.settings.state_directory) from error
    Outbox(actor.settings, user=actor.by).start_delivery()
    return ended


def _write(actor: Actor, silences: Sequence[Silence]) -> None:
    try:
        write_silences(actor.settings.state_directory, silences)
    except OSError as error:
        raise CannotRecord(error.strerror or str(error), where=actor.settings.state_directory) from error


def _record(actor: Actor, silence: Silence, *, change: str, at: str) -> None:
    record: dict[str, object] = {
        "event": "silence",
        "at": at,
        "job": silence.job or None,
        "jobs": [silence.job] if silence.job else [],
        "tag": silence.tag or None,
        "change": change,
        "until": silence.until,
        "by": actor.by,
        "host": actor.host,
        "note": silence.note or None,
    }
    journal.append(actor.settings.state_directory, record)
    announce(actor.settings, record)
