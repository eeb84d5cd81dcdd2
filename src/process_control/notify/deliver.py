"""Sends what the spool holds: a process of its own, started by whoever posted an event, that ends when nothing is due.

Events become messages by the rules of `core/first_incident.py`; each channel has them in its queue (`queue.py`) until
they are accepted. What was recorded of a run is never touched here.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from process_control.config.settings import Settings, load_settings
from process_control.core.first_incident import Happening, MessageKind, next_incident
from process_control.errors import CannotRecord
from process_control.notify import spool
from process_control.notify.channel import Channel, Message
from process_control.notify.channels.configured import channels_of
from process_control.notify.queue import Queue, job_as_it_is
from process_control.state.incident_file import read_incident, write_incident
from process_control.system import lock
from process_control.system.account import check_allowed, drop_rights
from process_control.system.disk_watch import fork_watched

STALE_SECONDS = 3600
_LOCK = ".telling"  # as in the first version: it must not send beside this one during an upgrade


def main() -> None:
    """Send what waits, for the configuration of the command line; first the event on stdin, if one is announced."""
    os.umask(0o022)
    words = sys.argv[1:]
    named = words[words.index("--config") + 1] if "--config" in words else None
    # The spool keeps what waits: better a later run sends it than processes that wait for a disk, one for each run.
    first = [named] if named else []
    paths = fork_watched(first, note=lambda _: None, end=lambda _, __: CannotRecord.exit_code)
    settings = load_settings(named, dict(os.environb))
    paths.add([settings.state_directory, settings.run_directory, settings.job_directory, settings.output_directory])
    drop_rights(check_allowed(settings.user, words="process-control"))
    event = spool.entry_of(sys.stdin.buffer.read()) if spool.EVENT_ON_STDIN in words else None
    if event is not None:
        with _alone(settings, wait=True):
            Round(settings, channels_of(settings)).take(event)
    deliver_all(settings)


def deliver_all(settings: Settings) -> None:
    """Send what is in the spool, and what comes meanwhile. Does nothing while another process does."""
    while _is_due(settings.state_directory):
        with _alone(settings) as is_alone:
            if not is_alone:
                return
            Round(settings, channels_of(settings)).deliver_spooled()


@contextmanager
def _alone(settings: Settings, *, wait: bool = False) -> Iterator[bool]:
    descriptor = lock.take(settings.run_directory, _LOCK, wait=wait)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _is_due(state_directory: str) -> bool:
    """Return whether there are events, or messages whose time has come."""
    return bool(spool.names(state_directory, spool.EVENTS)) or spool.is_due(state_directory, time.time())


class Round:
    """One round through the spool, by the only process that is at it."""

    def __init__(self, settings: Settings, channels: Sequence[Channel]) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._queues = [Queue(settings, channel) for channel in channels]

    def deliver_spooled(self) -> None:
        """Make messages of the events, and try those whose time has come."""
        self._forget_torn(before=time.time() - STALE_SECONDS)
        for name in spool.names(self._state, spool.EVENTS):
            self._take_or_give_up(name)
            spool.remove(self._state, spool.EVENTS, name)
        for queue in self._queues:
            queue.deliver_all()
        self._note_when_to_look_again()

    def take(self, event: spool.Entry) -> None:
        """Queue the message, if any, that an event asks for."""
        slug, key, at = (str(event.get(name) or "") for name in ("job", "key", "at"))
        job = job_as_it_is(slug, self._settings)
        before = read_incident(self._state, slug)
        after, kind = next_incident(
            before,
            Happening(str(event.get("what"))),
            key=key,
            at=at,
            threshold=1 if job is None or event.get("unplanned") else job.failure_threshold_for_mail,
            refusal=str(event.get("sentence") or ""),
        )
        if kind is not None:
            message = Message(
                id=f"{key}.{kind}",
                kind=kind,
                event=event,
                incident=before if kind is MessageKind.RECOVERY else after,
                job=job,
                host=os.uname().nodename,
            )
            for queue in self._queues:
                queue.add(message)
        write_incident(self._state, slug, after)

    def _take_or_give_up(self, name: str) -> None:
        """As `take`; an event that makes no sense must not keep the others back."""
        event = spool.read(self._state, spool.EVENTS, name)
        try:
            if event is not None:
                self.take(event)
                return
            why = "they cannot be read"
        except Exception as error:  # noqa: BLE001  whatever it is, the next event may be sound
            why = f"{type(error).__name__}: {error}"
        # In the journal an event is called `news`, as in the first version: hence `they`.
        entry: spool.Entry = {"job": name.split("~")[1] if "~" in name else None, "letter": "news", "key": name}
        for queue in self._queues:
            queue.give_up(entry, f"because of an internal error: {why}")

    def _forget_torn(self, *, before: float) -> None:
        spool.forget_torn(self._state, spool.EVENTS, before=before)
        for queue in self._queues:
            queue.forget_torn(before=before)

    def _note_when_to_look_again(self) -> None:
        moments = [moment for queue in self._queues if (moment := queue.next_try_at()) is not None]
        if moments:
            spool.look_again(self._state, max(min(moments), time.time() + 1))
        elif not spool.names(self._state, spool.EVENTS):
            spool.nothing_waits(self._state)
