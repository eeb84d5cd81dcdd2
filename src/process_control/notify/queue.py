"""The queues of the spool, one for each recipient: in order, at least once, each time under the same id.

A message waits while nobody accepts it, or is given up. What it says, and how it is handed over, is the channel's.
"""

import os
import time
from binascii import crc32
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice, NoticeEvent
from process_control.core.recipient import MAIL, Recipient
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.channel import Answer, Channel, Contents, Later, Never, Taken, recipients_of
from process_control.notify.jobs_now import job_as_it_is
from process_control.notify.letter import letter_of
from process_control.notify.spool import MAIL_QUEUE
from process_control.state.incident_store import Store, changing
from process_control.system.clock import DAY_SECONDS, iso

FIRST_PAUSE_SECONDS = 1.0
#: RFC 5321, section 4.5.4.1: at least four or five days.
GIVE_UP_SECONDS = 5 * DAY_SECONDS
#: Messages about one incident or job: a job that fails every minute must not bury people when the server is back.
MAX_WAITING = 50
ROUND_SECONDS = 600


def queue_of(recipient: Recipient) -> str:
    """Return the folder of a recipient's queue in the spool."""
    return MAIL_QUEUE if recipient.scheme == MAIL else recipient.key


def queues(state_directory: str) -> list[str]:
    """Return the folders of all queues in which something waits."""
    return [name for name in spool.folders(state_directory) if name != spool.EVENTS]


class Queue:
    """One queue during one round. Only one process at a time hands over what is in it."""

    def __init__(
        self, settings: Settings, name: str, *, channel: Channel | None = None, is_locked: bool = False
    ) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._name = name
        #: That of tests; else each entry has its own.
        self._channel = channel
        self._channels: dict[str, Channel] = {}
        #: Whether the caller holds the lock of all incidents.
        self._is_locked = is_locked

    def _names(self) -> list[str]:
        return spool.names(self._state, self._name)

    def add(self, notice: Notice, recipient: Recipient, job: Job | None, contents: Contents) -> None:
        """Keep what the channel makes of a message. When the disk takes nothing, it is tried once, now."""
        about = _about(notice, recipient)
        try:
            content = self._channel_for(recipient).compose(notice, contents, recipient, job)
        except Exception as error:  # noqa: BLE001  a fault in one channel must not stop the others
            self.give_up(about, f"because of an internal error: {type(error).__name__}: {error}")
            return
        if content is None:
            return
        entry = {**about, **content, "tries": 0, "first_at": time.time(), "next_at": 0.0}
        try:
            spool.look_again(self._state, 0)
            spool.put(self._state, self._name, _file_name(notice, recipient, self._names()), entry)
        except OSError:
            answer = self._hand_over(entry)
            if isinstance(answer, Later):
                self.give_up(entry, f"because it cannot be kept for another try: {answer.why}")
            return
        self._limit(str(about["subject"]))

    def _limit(self, subject: str) -> None:
        """Give up the oldest messages about a job of which very many wait: the newest say the same, and more."""
        waiting = [name for name in self._names() if name.split("~")[1:2] == [subject]]
        for name in waiting[:-MAX_WAITING]:
            entry = spool.read(self._state, self._name, name) or {"job": subject}
            self.give_up(entry, f"because {MAX_WAITING} newer messages about it wait")
            self._remove(name)

    def deliver_all(self) -> None:
        """Try every message whose time has come, in their order; all of them when there is a new one.

        A receiver must not get the end of an incident before its beginning: a message waits for those before it about
        the same incident. A mail does not, since one of its addresses may be dead: but it takes them along.
        """
        entries = [(name, spool.read(self._state, self._name, name)) for name in self._names()]
        known = [entry for _, entry in entries if entry is not None]
        is_all = any(not entry.get("tries") for entry in known)
        now = time.time()
        due = set() if self._is_one_receiver else {_about_what(entry) for entry in known if _is_due(entry, now)}
        behind: set[tuple[str, str]] = set()
        until = time.monotonic() + ROUND_SECONDS
        for name, entry in entries:
            if time.monotonic() > until:
                return
            what = _about_what(entry)
            if entry is not None and what in behind:
                self._keep_behind(name, entry)
            elif not self._is_done(name, entry, is_time=is_all or what in due) and what and self._is_one_receiver:
                behind.add(what)

    @property
    def _is_one_receiver(self) -> bool:
        return self._name != MAIL_QUEUE

    def _keep_behind(self, name: str, entry: spool.Entry) -> None:
        """Keep a message for which an earlier one has to be accepted first; it is no new one at the next time."""
        if entry.get("tries"):
            return
        self._record(entry, "waits", "an earlier message about it waits")
        with suppress(OSError):
            spool.put(self._state, self._name, name, {**entry, "tries": 1})

    def _is_done(self, name: str, entry: spool.Entry | None, *, is_time: bool) -> bool:
        """Try a message when `is_time`, or its own time has come; return whether it is gone, and need not wait."""
        if entry is None and name in self._names():
            self.give_up({"job": name.split("~")[1] if "~" in name else None}, "because its file is damaged")
        if entry is None or self._was_taken(entry):
            self._remove(name)
            return True
        now = time.time()
        if not is_time and not _is_due(entry, now):
            return False
        answer = self._hand_over(entry)
        if not isinstance(answer, Later):
            self._remove(name)
            return True
        if not entry.get("tries"):
            self._record(entry, "waits", answer.why)
        if now - _number(entry, "first_at") > GIVE_UP_SECONDS:
            self.give_up(entry, f"after {GIVE_UP_SECONDS // DAY_SECONDS} days")
            self._remove(name)
            return True
        self._keep_for_later(name, entry, answer, now)
        return False

    def _was_taken(self, entry: spool.Entry) -> bool:
        """Return whether it was accepted, and only its removal did not come to pass."""
        incident = Store(self._state).read(str(entry.get("incident") or ""))
        if incident is None:
            return False
        to = ", ".join(recipients_of(entry))
        return any(taken["id"] == entry.get("id") and taken["to"] == to for taken in incident.taken)

    def _hand_over(self, entry: spool.Entry) -> Answer:
        """Let the channel try a message, and record it when that was the last try."""
        recipient = recipient_of(entry)
        try:
            job = job_as_it_is(str(entry.get("job")), self._settings)
            answer = self._channel_for(recipient).deliver(entry, recipient=recipient, job=job)
        except Exception as error:  # noqa: BLE001  a fault at one message must not stop those behind it
            answer = Later(recipients_of(entry), f"internal error: {type(error).__name__}")
        if isinstance(answer, Taken):
            self._record_in_incident(entry, answer.answer or "accepted")
            self._record(entry, "sent", None)
        elif isinstance(answer, Never):
            self.give_up(entry, f"because {answer.why}")
        return answer

    def _keep_for_later(self, name: str, entry: spool.Entry, answer: Later, now: float) -> None:
        tries = int(_number(entry, "tries")) + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), spool.MAX_PAUSE_SECONDS)
        if answer.retry_at is not None:
            pause = min(max(pause, answer.retry_at - now), spool.MAX_PAUSE_SECONDS)
        later = {**entry, "recipients": list(answer.who), "tries": tries, "next_at": now + pause}
        try:
            spool.put(self._state, self._name, name, later)
        except OSError:  # it stays as it was, and is tried again too soon
            pass

    def next_try_at(self) -> float | None:
        """Return when to try again (UTC seconds); None when nothing waits."""
        moments: list[float] = []
        before: set[tuple[str, str]] = set()
        for name in self._names():
            entry = spool.read(self._state, self._name, name)
            what = _about_what(entry)
            if entry is None or what in before:
                continue
            moments.append(_number(entry, "next_at"))
            if what and self._is_one_receiver:
                before.add(what)
        return min(moments, default=None)

    def forget_torn(self, *, before: float) -> None:
        """Forget the torn files of this queue, see `spool.forget_torn`."""
        spool.forget_torn(self._state, self._name, before=before)

    def give_up(self, entry: spool.Entry, why: str) -> None:
        """Record in incident, journal and syslog that a message will not be sent."""
        self._record_in_incident(entry, f"given up {why}")
        self._record(entry, "given_up", why)

    def _record_in_incident(self, entry: spool.Entry, answer: str) -> None:
        if not entry.get("incident"):
            return
        recipient = recipient_of(entry)
        taken = {
            "id": str(entry.get("id")),
            "channel": self._channel_for(recipient).kind,
            "to": ", ".join(recipients_of(entry)) or recipient.shown,
            # `to` is a key: two receivers of one host are shown alike.
            "shown": recipient.shown if recipient.scheme != MAIL else "",
            "event": str(entry.get("about")),
            "at": iso(time.time()),
            "answer": answer[:200],
        }
        store, id_ = Store(self._state), str(entry["incident"])
        if self._is_locked:
            store.record_taken(id_, taken)
            return
        try:
            with changing(self._settings.run_directory):
                store.record_taken(id_, taken)
        except CannotRecord:
            pass

    def _record(self, entry: spool.Entry, result: str, why: str | None) -> None:
        recipient = recipient_of(entry)
        is_mail = recipient.scheme == MAIL
        record: dict[str, object] = {
            "event": "mail" if is_mail else "message",
            "at": iso(time.time()),
            "job": entry.get("job"),
            "letter": entry.get("letter"),
            "incident": entry.get("incident"),
            "result": result,
            "to": ", ".join(recipients_of(entry)) if is_mail else recipient.shown,
            "detail": why,
            "host": os.uname().nodename,
        }
        if not is_mail:
            record["channel"] = self._channel_for(recipient).kind
        if entry.get("letter") != "refusal":
            record["run_id"] = entry.get("key")
        try:
            journal.append(self._state, record)
        except CannotRecord:  # the syslog has it
            pass
        announce(self._settings, record)

    def _channel_for(self, recipient: Recipient) -> Channel:
        if self._channel is not None:
            return self._channel
        from process_control.notify.channels.configured import channel_for

        if recipient.key not in self._channels:
            self._channels[recipient.key] = channel_for(recipient, self._settings, known=self._channels.values())
        return self._channels[recipient.key]

    def _remove(self, name: str) -> None:
        spool.remove(self._state, self._name, name)


def recipient_of(entry: spool.Entry) -> Recipient:
    """Return whom an entry is for; of one of the first version, its addresses."""
    value = entry.get("recipient")
    if isinstance(value, dict):
        try:
            return msgspec.convert(value, Recipient)
        except msgspec.ValidationError:
            pass
    return Recipient(url=f"{MAIL}:{','.join(recipients_of(entry))}")


def _about(notice: Notice, recipient: Recipient) -> spool.Entry:
    """Return what every entry says of its message; the names of the first version are kept."""
    end = notice.posted.get("end")
    return {
        "id": notice.id,
        "incident": notice.incident.id,
        "about": notice.event.value,
        "job": notice.jobs[0] if len(notice.jobs) == 1 else None,
        "subject": notice.jobs[0] if len(notice.jobs) == 1 else notice.incident.cause.value,
        "key": end.get("run_id") if isinstance(end, dict) else notice.posted.get("key"),
        "letter": letter_of(notice.incident.cause, is_closed=notice.event is NoticeEvent.CLOSED),
        "recipient": msgspec.to_builtins(recipient),
        "recipients": [recipient.key],
    }


def _file_name(notice: Notice, recipient: Recipient, waiting: Sequence[str]) -> str:
    """Return the name of a message's file; it comes after those that wait about the same incident, whatever the clock.

    A message that a killed process has made already has its name.
    """
    subject = notice.jobs[0] if len(notice.jobs) == 1 else notice.incident.cause.value
    rest = f"~{subject}~{notice.id}"
    if recipient.scheme == MAIL:  # all addresses share one queue
        rest += f".{crc32(recipient.key.encode('utf-8', 'surrogateescape')):08x}"
    rest += ".json"
    same = [name for name in waiting if f"~{notice.incident.id}." in name]
    made = next((name for name in same if name.endswith(rest)), None)
    if made is not None:
        return made
    last = same[-1].partition("~")[0] if same else ""
    at = iso(datetime.fromisoformat(last).timestamp() + 0.0015) if last >= notice.at else notice.at
    return f"{at}{rest}"


def _about_what(entry: spool.Entry | None) -> tuple[str, str] | None:
    """Return incident and recipient; None for an entry of the first version."""
    if entry is None or not entry.get("incident"):
        return None
    return str(entry["incident"]), recipient_of(entry).key


def _is_due(entry: spool.Entry, now: float) -> bool:
    # A time that is too far away was written before the clock was set back.
    return not now < _number(entry, "next_at") <= now + spool.MAX_PAUSE_SECONDS


def _number(entry: spool.Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
