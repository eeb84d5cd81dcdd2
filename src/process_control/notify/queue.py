"""The queue of one channel in the spool: messages are sent in order, wait while nobody accepts them, or are given up.

What a message says, and how it is handed over, is the channel's.
"""

import time

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job, is_slug
from process_control.errors import CannotRecord, ProcessControlError
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.channel import Answer, Channel, Later, Message, Never, Taken, recipients_of
from process_control.system.clock import DAY_SECONDS, iso

FIRST_PAUSE_SECONDS = 1.0
#: RFC 5321, section 4.5.4.1: at least four or five days.
GIVE_UP_SECONDS = 5 * DAY_SECONDS
#: Messages about one job: a job that fails every minute must not bury people when the server is back.
MAX_WAITING = 50
ROUND_SECONDS = 600


def job_as_it_is(slug: str, settings: Settings) -> Job | None:
    """Return the job by its file now; None when that cannot be read."""
    try:
        return load_job(slug, settings) if is_slug(slug) else None
    except ProcessControlError:
        return None


class Queue:
    """The queue of a channel during one round. Only one process at a time has it."""

    def __init__(self, settings: Settings, channel: Channel) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._channel = channel
        self._names_before = self._names()

    def _names(self) -> list[str]:
        return spool.names(self._state, self._channel.name)

    def add(self, message: Message) -> None:
        """Keep what the channel makes of a message. When the disk takes nothing, it is tried once, now."""
        slug, key, at = (str(message.event.get(name) or "") for name in ("job", "key", "at"))
        # `letter` for the kind: so the files of the first version and the journal have it.
        about: spool.Entry = {"job": slug, "key": key, "letter": message.kind.value}
        try:
            content = self._channel.compose(message)
        except Exception as error:  # noqa: BLE001  a fault in one channel must not stop the others
            self.give_up(about, f"because of an internal error: {type(error).__name__}: {error}")
            return
        if content is None:
            return
        entry = {**about, **content, "tries": 0, "first_at": time.time(), "next_at": 0.0}
        try:
            spool.look_again(self._state, 0)
            spool.put(self._state, self._channel.name, f"{at}~{slug}~{message.id}.json", entry)
        except OSError:
            answer = self._hand_over(entry)
            if isinstance(answer, Later):
                self.give_up(entry, f"because it cannot be kept for another try: {answer.why}")
            return
        self._make_room(slug)

    def _make_room(self, slug: str) -> None:
        """Give up the oldest messages about a job of which very many wait: the newest say the same, and more."""
        waiting = [name for name in self._names() if name.split("~")[1:2] == [slug]]
        for name in waiting[:-MAX_WAITING]:
            entry = spool.read(self._state, self._channel.name, name) or {"job": slug}
            self.give_up(entry, f"because {MAX_WAITING} newer {self._channel.messages} about the job wait")
            self._remove(name)

    def deliver_all(self) -> None:
        """Try every message whose time has come, in their order; all of them when there is a new one."""
        names = self._names()
        has_new = names != self._names_before  # then what waits goes before it
        until = time.monotonic() + ROUND_SECONDS
        for name in names:
            if time.monotonic() > until:
                return
            self._deliver(name, is_time=has_new)

    def _deliver(self, name: str, *, is_time: bool) -> None:
        """Try a message when `is_time`, or its own time has come: then it is gone, or waits longer."""
        entry = spool.read(self._state, self._channel.name, name)
        if entry is None:
            self._remove(name)
            return
        now = time.time()
        # A time that is too far away was written before the clock was set back.
        if not is_time and now < _number(entry, "next_at") <= now + spool.MAX_PAUSE_SECONDS:
            return
        answer = self._hand_over(entry)
        if not isinstance(answer, Later):
            self._remove(name)
            return
        if not entry.get("tries"):
            self._record(entry, "waits", answer.why)
        if now - _number(entry, "first_at") > GIVE_UP_SECONDS:
            self.give_up(entry, f"after {GIVE_UP_SECONDS // DAY_SECONDS} days")
            self._remove(name)
        else:
            self._keep_for_later(name, entry, answer.who, now)

    def _hand_over(self, entry: spool.Entry) -> Answer:
        """Let the channel try a message, and record it when that was the last try."""
        try:
            answer = self._channel.deliver(entry, job=job_as_it_is(str(entry.get("job")), self._settings))
        except Exception as error:  # noqa: BLE001  a fault at one message must not stop those behind it
            answer = Later(recipients_of(entry), f"internal error: {type(error).__name__}: {error}")
        if isinstance(answer, Taken):
            self._record(entry, "sent", None)
        elif isinstance(answer, Never):
            self.give_up(entry, f"because {answer.why}")
        return answer

    def _keep_for_later(self, name: str, entry: spool.Entry, who: tuple[str, ...], now: float) -> None:
        tries = int(_number(entry, "tries")) + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), spool.MAX_PAUSE_SECONDS)
        later = {**entry, "recipients": list(who), "tries": tries, "next_at": now + pause}
        try:
            spool.put(self._state, self._channel.name, name, later)
        except OSError:  # it stays as it was, and is tried again too soon
            pass

    def next_try_at(self) -> float | None:
        """Return when to try again (UTC seconds); None when nothing waits."""
        entries = [spool.read(self._state, self._channel.name, name) for name in self._names()]
        return min((_number(entry, "next_at") for entry in entries if entry is not None), default=None)

    def forget_torn(self, *, before: float) -> None:
        """As `spool.forget_torn`."""
        spool.forget_torn(self._state, self._channel.name, before=before)

    def give_up(self, entry: spool.Entry, why: str) -> None:
        """Record in journal and syslog that a message will not be sent."""
        self._record(entry, "given_up", why)

    def _record(self, entry: spool.Entry, result: str, why: str | None) -> None:
        record = self._channel.record_of(entry, at=iso(time.time()), result=result, why=why)
        try:
            journal.append(self._state, record)
        except CannotRecord:  # the syslog has it
            pass
        announce(self._settings, record)

    def _remove(self, name: str) -> None:
        spool.remove(self._state, self._channel.name, name)


def _number(entry: spool.Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
