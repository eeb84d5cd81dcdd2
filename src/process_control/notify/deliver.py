"""Tell people what the spool holds: a process of its own, started by whoever had news, that ends when all is told.

News become mails by the rules of `core/incident.py`; mails are sent in their order, and wait in the spool while nobody
takes them. What was recorded of a run is never touched here.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from process_control.config.environment_file import read_secret_file
from process_control.config.failmail import DEFAULT_SENDMAIL, Failmail, failmail_of
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings, load_settings
from process_control.core import layout
from process_control.core.incident import Happening, Incident, Letter, next_incident
from process_control.core.job import Job, is_slug
from process_control.errors import CannotRecord, ProcessControlError
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.channels.mail.contents import failure_mail, recovery_mail, refusal_mail
from process_control.notify.channels.mail.send import Undelivered, Way, is_program, message_of, send
from process_control.system import atomic_file, lock
from process_control.system.account import account_of, check_allowed, drop_rights
from process_control.system.ask import NoAnswer, ask
from process_control.system.clock import DAY_SECONDS, iso
from process_control.system.disk_watch import fork_watched, read_from
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

FIRST_PAUSE_SECONDS = 1.0
GIVE_UP_SECONDS = 5 * DAY_SECONDS
"""RFC 5321, section 4.5.4.1: at least four or five days."""
MAX_WAITING = 50
"""Mails about one job: a job that fails every minute must not bury people when the server is back."""
ROUND_SECONDS = 600
STALE_SECONDS = 3600
_LARGEST_INCIDENT = 1 << 20


def main() -> None:
    """Tell what waits, for the configuration of the command line. News may come on stdin too, as `--news` says."""
    os.umask(0o022)
    words = sys.argv[1:]
    named = words[words.index("--config") + 1] if "--config" in words else None
    # The spool keeps what waits: better a later run tells it than processes that wait for a disk, one for each run.
    first = [named] if named else []
    paths = fork_watched(first, note=lambda _: None, end=lambda _, __: CannotRecord.exit_code)
    settings = load_settings(named, dict(os.environb))
    paths.add([settings.state_directory, settings.run_directory, settings.job_directory, settings.output_directory])
    drop_rights(check_allowed(settings.user, words="process-control"))
    news = spool.entry_of(sys.stdin.buffer.read()) if "--news" in words else None
    if news is not None:
        with _alone(settings, wait=True):
            Round(settings).tell(news)
    tell_all(settings)


def tell_all(settings: Settings) -> None:
    """Tell what is in the spool, and what comes meanwhile. Does nothing while somebody else is at it."""
    while _waits(settings.state_directory):
        with _alone(settings) as is_alone:
            if not is_alone:
                return
            Round(settings).tell_spooled()


@contextmanager
def _alone(settings: Settings, *, wait: bool = False) -> Iterator[bool]:
    descriptor = lock.take(settings.run_directory, ".telling", wait=wait)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _waits(state_directory: str) -> bool:
    """Whether there are news, or mails whose time has come."""
    return bool(spool.names(state_directory, spool.NEWS)) or spool.is_due(state_directory, time.time())


class Round:
    """One round through the spool, alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._until = time.monotonic() + ROUND_SECONDS
        self._broken_ways: dict[str, str] = {}

    def tell_spooled(self) -> None:
        for kind in (spool.NEWS, spool.MAIL):
            spool.forget_torn(self._state, kind, before=time.time() - STALE_SECONDS)
        waiting = spool.names(self._state, spool.MAIL)
        for name in spool.names(self._state, spool.NEWS):
            news = spool.read(self._state, spool.NEWS, name)
            self._take_or_give_up(name, news)
            spool.remove(self._state, spool.NEWS, name)
        mails = spool.names(self._state, spool.MAIL)
        has_new_mail = mails != waiting  # then what waits goes before it: mails come in their order
        for name in mails:
            self.deliver(name, is_time=has_new_mail)
        self._say_when_to_look_again()

    def tell(self, news: spool.Entry) -> None:
        """Tell news that could not be spooled: at once or, when nobody takes the mail, never."""
        kept = self.take(news)
        if kept is not None:
            self._send(kept)

    # --- news become mail ------------------------------------------------------------------------------------------

    def take(self, news: spool.Entry) -> spool.Entry | None:
        """Make the mail, if any, that these news ask for, and keep it in the spool. Return it when that is full."""
        slug, key, at = (str(news.get(name) or "") for name in ("job", "key", "at"))
        job = self._job(slug)
        failmail = failmail_of(job, self._settings)
        incident = read_incident(self._state, slug)
        after, letter = next_incident(
            incident,
            Happening(str(news.get("what"))),
            key=key,
            at=at,
            threshold=1 if job is None or news.get("unplanned") else job.failure_threshold_for_mail,
            refusal=str(news.get("sentence") or ""),
        )
        kept = None
        if letter is not None and failmail is not None:
            entry = self._mail(letter, news, job, failmail, incident if letter is Letter.RECOVERY else after)
            try:
                spool.look_again(self._state, 0)
                spool.put(self._state, spool.MAIL, f"{at}~{slug}~{key}.{letter}.json", entry)
                self._make_room(slug)
            except OSError:
                kept = entry
        write_incident(self._state, slug, after)
        return kept

    def _take_or_give_up(self, name: str, news: spool.Entry | None) -> None:
        """As `take`; news that make no sense must not keep the others back."""
        try:
            if news is not None:
                self.take(news)
                return
            why = "they cannot be read"
        except Exception as error:  # noqa: BLE001  whatever it is, the next news may be sound
            why = f"{type(error).__name__}: {error}"
        entry: spool.Entry = {"job": name.split("~")[1] if "~" in name else None, "letter": "news", "key": name}
        self._record(entry, "given_up", f"because of an internal error: {why}")

    def _make_room(self, slug: str) -> None:
        """Give up the oldest mails about a job of which very many wait: the newest say the same, and more."""
        waiting = [name for name in spool.names(self._state, spool.MAIL) if name.split("~")[1:2] == [slug]]
        for name in waiting[:-MAX_WAITING]:
            entry = spool.read(self._state, spool.MAIL, name) or {"job": slug}
            self._record(entry, "given_up", f"because {MAX_WAITING} newer mails about the job wait")
            spool.remove(self._state, spool.MAIL, name)

    def _job(self, slug: str) -> Job | None:
        try:
            return load_job(slug, self._settings) if is_slug(slug) else None
        except ProcessControlError:
            return None

    def _mail(
        self, letter: Letter, news: spool.Entry, job: Job | None, failmail: Failmail, incident: Incident
    ) -> spool.Entry:
        host = os.uname().nodename
        compose = {Letter.FAILURE: failure_mail, Letter.REFUSAL: refusal_mail, Letter.RECOVERY: recovery_mail}[letter]
        key = str(news.get("key"))
        name = f"{key}.{letter}"
        sender = sender_of(failmail)
        message = message_of(
            compose(news, job=job, settings=self._settings, incident=incident, host=host),
            sender=sender,
            recipients=failmail.to_addresses,
            message_id=_message_id(name, host),
            answers=_message_id(incident.thread, host) if incident.thread not in (None, name) else None,
            at=datetime.now(UTC),
        )
        return {
            "job": str(news.get("job")),
            "key": key,
            "letter": letter.value,
            "sender": sender,
            "recipients": list(failmail.to_addresses),
            "message": message.decode("ascii"),
            "tries": 0,
            "first_at": time.time(),
            "next_at": 0.0,
        }

    # --- mail goes out ---------------------------------------------------------------------------------------------

    def deliver(self, name: str, *, is_time: bool) -> None:
        """Send one mail of the spool when `is_time`, or its own time has come: then it is gone, or waits longer."""
        entry = spool.read(self._state, spool.MAIL, name)
        if entry is None:
            spool.remove(self._state, spool.MAIL, name)
            return
        now = time.time()
        first_at, next_at = _number(entry, "first_at"), _number(entry, "next_at")
        is_time = is_time or not now < next_at <= now + spool.MAX_PAUSE_SECONDS  # the clock may have been set back
        if not is_time or time.monotonic() > self._until:
            return
        left = self._send(entry)
        if not left:
            spool.remove(self._state, spool.MAIL, name)
        elif now - first_at > GIVE_UP_SECONDS:
            self._record(entry, "given_up", f"after {GIVE_UP_SECONDS // DAY_SECONDS} days")
            spool.remove(self._state, spool.MAIL, name)
        else:
            tries = int(_number(entry, "tries")) + 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), spool.MAX_PAUSE_SECONDS)
            later = {**entry, "recipients": list(left), "tries": tries, "next_at": now + pause}
            try:
                spool.put(self._state, spool.MAIL, name, later)
            except OSError:  # it stays as it was, and is tried again too soon
                pass

    def _send(self, entry: spool.Entry) -> tuple[str, ...]:
        """Hand one mail over; return who did not get it."""
        recipients = _texts(entry, "recipients")
        way_words = ""
        try:
            job = self._job(str(entry.get("job")))
            way = way_of(failmail_of(job, self._settings) or Failmail(to_addresses=recipients))
            way_words = repr(way)
            if way_words in self._broken_ways:
                raise Undelivered(self._broken_ways[way_words], recipients)
            send(
                str(entry.get("message")).encode("ascii", "replace"),
                sender=str(entry.get("sender")),
                recipients=recipients,
                way=way,
            )
        except Undelivered as error:
            if error.others_too:
                self._broken_ways[way_words] = error.why
            if not entry.get("tries"):
                self._record(entry, "waits", error.why)
            return error.recipients
        self._record(entry, "sent", None)
        return ()

    def _record(self, entry: spool.Entry, result: str, why: str | None) -> None:
        """Tell journal and syslog what became of a mail."""
        told: dict[str, object] = {
            "event": "mail",
            "at": iso(time.time()),
            "job": entry.get("job"),
            "letter": entry.get("letter"),
            "result": result,
            "to": ", ".join(_texts(entry, "recipients")),
            "detail": why,
            "host": os.uname().nodename,
        }
        if entry.get("letter") != Letter.REFUSAL:
            told["run_id"] = entry.get("key")
        try:
            journal.append(self._state, told)
        except CannotRecord:  # the syslog has it
            pass
        announce(self._settings, told)

    def _say_when_to_look_again(self) -> None:
        waiting = [spool.read(self._state, spool.MAIL, name) for name in spool.names(self._state, spool.MAIL)]
        moments = [_number(entry, "next_at") for entry in waiting if entry is not None]
        if moments:
            spool.look_again(self._state, max(min(moments), time.time() + 1))
        elif not spool.names(self._state, spool.NEWS):
            spool.nothing_waits(self._state)


# --- how mail leaves this host ----------------------------------------------------------------------------------------


def sender_of(failmail: Failmail) -> str:
    return failmail.from_address or f"{account_of(os.geteuid()).name}@{os.uname().nodename}"


def way_of(failmail: Failmail) -> Way:
    """Return how this mail is sent, by what the files say now.

    Raises Undelivered for a password that is not had, and when the disk of one of the files does not answer.
    """
    if failmail.sendmail:
        _answers(failmail.sendmail, failmail)
        return Way(sendmail=failmail.sendmail)
    if not failmail.smtp and is_program(DEFAULT_SENDMAIL):
        return Way(sendmail=DEFAULT_SENDMAIL)
    if failmail.ca_file is not None:
        _answers(failmail.ca_file, failmail)
    password = None
    if (path := failmail.password_file) is not None:
        said = _ask(lambda: read_secret_file(path, what="password file"), path, failmail)
        password = said.split("\n")[0].strip()
    return Way(
        host=failmail.host,
        port=failmail.port,
        security=failmail.security,
        ca_file=failmail.ca_file,
        login=failmail.login,
        password=password,
    )


def _answers(path: str, failmail: Failmail) -> None:
    """Raise Undelivered when the disk of a file does not answer; whether the file is good is seen by who uses it."""
    _ask(lambda: read_from(path), path, failmail)


def _ask(question: Callable[[], str | None], path: str, failmail: Failmail) -> str:
    """Return what a child answers that may wait for the disk of `path`. Raises Undelivered."""
    try:
        return str(ask(question))
    except NoAnswer as error:
        why = f"{path}: {error}: its disk may hang"
    except ProcessControlError as error:
        why = str(error.faults[0])
    except OSError as error:
        why = f"{path}: {error.strerror}"
    raise Undelivered(why, failmail.to_addresses, others_too=True)


# --- what is known of the incident of a job --------------------------------------------------------------------------


def read_incident(state_directory: str, slug: str) -> Incident:
    try:
        with open_plain(layout.incident(state_directory, slug)) as file:
            value = decode(file.read(_LARGEST_INCIDENT).decode("utf-8"))
    except (OSError, ValueError):
        return Incident()
    return Incident.from_record(value if isinstance(value, dict) else None)


def write_incident(state_directory: str, slug: str, incident: Incident) -> None:
    """Keep it. A disk that is full costs a mail too many later, never one too few."""
    if not is_slug(slug):
        return
    with suppress(OSError):
        atomic_file.make_directory(layout.job(state_directory, slug), 0o750)
        path = layout.incident(state_directory, slug)
        atomic_file.write(path, encode(incident.to_record()).encode("ascii") + b"\n")


def _message_id(word: str | None, host: str) -> str:
    domain = "".join(char if char.isalnum() or char in "-." else "-" for char in host).strip("-.") or "localhost"
    return f"<{word}.process-control@{domain}>"


def _number(entry: spool.Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _texts(entry: spool.Entry, name: str) -> tuple[str, ...]:
    value = entry.get(name)
    return tuple(map(str, value)) if isinstance(value, list) else ()
