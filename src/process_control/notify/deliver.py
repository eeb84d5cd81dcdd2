"""Sends what the spool holds: a process of its own, started by whoever posted an event, that ends when nothing is due.

Events become messages by `incidents.py`; each recipient has them in its queue (`queue.py`), and each queue is handed
over by a child of its own, so that a dead channel delays no other. What was recorded of a run is never touched here.
"""

import os
import sys
import time
from collections.abc import Mapping

from process_control.config.recipients import everybody
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.errors import CannotRecord, ProcessControlError
from process_control.notify import spool
from process_control.notify.channel import Channel
from process_control.notify.incidents import Incidents
from process_control.notify.keep_alive import PAUSE_SECONDS, has_to_be_kept, keep_alive, may_forget
from process_control.notify.queue import Queue, queue_of, queues
from process_control.notify.spool import MAIL_QUEUE
from process_control.state.incident_store import Store, changing, next_to_change
from process_control.system import lock
from process_control.system.account import check_allowed, drop_rights
from process_control.system.clock import iso
from process_control.system.disk_watch import fork_watched

STALE_SECONDS = 3600


def main() -> None:
    """Send what waits, for the configuration of the command line; first the event on stdin, if one is announced."""
    os.umask(0o022)
    words = sys.argv[1:]
    named = words[words.index("--config") + 1] if "--config" in words else None
    settings = settings_of_a_watched_child(named)
    event = spool.entry_of(sys.stdin.buffer.read()) if spool.EVENT_ON_STDIN in words else None
    if event is not None:
        with changing(settings.run_directory):
            round_ = Round(settings)
            round_.take(event)
            round_.settle()
    deliver_all(settings)


def settings_of_a_watched_child(config: str | None) -> Settings:
    """Continue in a child, as the service user, which is ended when a disk hangs; return the configuration."""
    # The spool keeps what waits: better a later run sends it than processes that wait for a disk, one for each run.
    first = [config] if config else []
    paths = fork_watched(first, note=lambda _: None, end=lambda _, __: CannotRecord.exit_code)
    settings = load_settings(config, dict(os.environb))
    paths.add([settings.state_directory, settings.run_directory, settings.job_directory, settings.output_directory])
    drop_rights(check_allowed(settings.user, words="process-control"))
    return settings


def import_what_is_needed(settings: Settings) -> None:
    """Import what the messages need that were sent lately: each child that sends them has it then."""
    import process_control.notify.changes
    import process_control.notify.contents
    from process_control.notify.channels.configured import channel_for

    known = queues(settings.state_directory)
    if spool.PINGS in known:
        import process_control.notify.channels.ping.queue
    if MAIL_QUEUE in known:
        import process_control.notify.channels.mail.channel  # noqa: F401
    for recipient in everybody(settings):
        channel_for(recipient, settings)


def deliver_all(settings: Settings) -> None:
    """Send what is in the spool, and what comes meanwhile. What another process is about to send is left to it."""
    has_news = False
    while has_news or _is_due(settings.state_directory):
        round_ = Round(settings)
        with next_to_change(settings.run_directory) as is_mine:
            if not is_mine:  # the next one looks after us
                return
            has_taken = round_.take_events()
        is_first = round_.deliver_queues()
        if not is_first and not has_taken:
            return
        round_.note_when_to_look_again()
        # Whoever posted something meanwhile found the queue taken, and left it to us.
        has_news = is_first and round_.has_news()


def _is_due(state_directory: str) -> bool:
    """Return whether there are events, or messages whose time has come."""
    return bool(spool.names(state_directory, spool.EVENTS)) or spool.is_due(state_directory, time.time())


class Round:
    """One round through the spool. `channels` are those of tests, by the name of their queue."""

    def __init__(self, settings: Settings, *, channels: Mapping[str, Channel] | None = None) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._channels = channels or {}
        self._incidents = Incidents(settings, send=self._send, now=iso(time.time()))
        self._next: float | None = None
        self._waited_before: set[tuple[str, str]] = set()

    def take_events(self) -> bool:
        """Make messages of the events, and of what is due without one; return whether there was an event."""
        spool.forget_torn(self._state, spool.EVENTS, before=time.time() - STALE_SECONDS)
        names = spool.names(self._state, spool.EVENTS)
        for name in names:
            self._take_or_give_up(name)
            spool.remove(self._state, spool.EVENTS, name)
        self.settle()
        return bool(names)

    def settle(self) -> None:
        """Make messages of what is owed without an event, and of what was kept for the end of the round."""
        self._next = self._incidents.settle_all()

    def take(self, event: spool.Entry) -> None:
        """Queue the messages, if any, that an event asks for."""
        self._incidents.take(event)

    def deliver_queues(self) -> bool:
        """Hand over what is due in each queue, side by side; return whether any of them was free."""
        names = queues(self._state)
        self._waited_before = self._waiting()
        children = [child for name in names if (child := self._start(name)) is not None]
        for child in children:
            os.waitpid(child, 0)
        return bool(children) or not names

    def has_news(self) -> bool:
        """Return whether something was queued since the queues were begun."""
        return not self._waiting() <= self._waited_before

    def _waiting(self) -> set[tuple[str, str]]:
        return {(queue, name) for queue in queues(self._state) for name in spool.names(self._state, queue)}

    def _start(self, name: str) -> int | None:
        """Return the pid of a child that delivers a queue; None when another process is at it."""
        try:
            descriptor = lock.take(self._settings.run_directory, f".telling-{name}")
        except ProcessControlError:
            return None
        if descriptor is None:
            return None
        child = os.fork()
        if child:
            os.close(descriptor)
            return child
        try:
            self.deliver_queue(name)
        finally:
            os._exit(0)

    def deliver_queue(self, name: str) -> None:
        """Hand over what is due in a queue, in this process."""
        if name == spool.PINGS:
            from process_control.notify.channels.ping.queue import PingQueue

            PingQueue(self._settings).deliver_all()
            return
        queue = Queue(self._settings, name, channel=self._channels.get(name))
        queue.forget_torn(before=time.time() - STALE_SECONDS)
        queue.deliver_all()
        keep_alive(self._state, name)

    def note_when_to_look_again(self) -> None:
        """Note when something in the spool, or an incident, is due again."""
        moments = [
            moment for name in queues(self._state) if (moment := Queue(self._settings, name).next_try_at()) is not None
        ]
        moments += [self._next] if self._next is not None else []
        is_repeated = any(may_forget(name) for name in queues(self._state))
        if is_repeated and any(has_to_be_kept(incident) for incident in Store(self._state).open_incidents()):
            moments.append(time.time() + PAUSE_SECONDS)
        if moments:
            now = time.time()
            spool.look_again(self._state, min(max(min(moments), now + 1), now + spool.MAX_PAUSE_SECONDS))
        elif not spool.names(self._state, spool.EVENTS):
            spool.nothing_waits(self._state)
            if spool.all_names(self._state):  # it was put there in this moment, by a process that may be killed
                spool.look_again(self._state, time.time())

    def _send(self, notice: Notice, recipient: Recipient, job: Job | None) -> None:
        from process_control.notify.contents import contents_of  # most events ask for no message

        name = queue_of(recipient)
        queue = Queue(self._settings, name, channel=self._channels.get(name), is_locked=True)
        queue.add(notice, recipient, job, contents_of(notice, job, self._settings))

    def _take_or_give_up(self, name: str) -> None:
        """Take an event as `take` does; one that makes no sense must not keep the others back."""
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
        Queue(self._settings, MAIL_QUEUE, is_locked=True).give_up(entry, f"because of an internal error: {why}")
