"""Sends a mail by SMTP or by a sendmail program, within a deadline. Knows nothing of jobs and of the spool."""

import os
import signal
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from types import FrameType

from process_control.core.masking import mask
from process_control.notify.channel import Contents
from process_control.notify.channels.mail.smtp import Server, ServerOverTls, spellings
from process_control.notify.message import one_line

ANSWER_SECONDS = 15
PARTING_SECONDS = 2
DEADLINE_SECONDS = 60
#: Characters of the header that names the jobs.
MAX_ABOUT = 200


class Undelivered(Exception):
    """The mail was not accepted; `why` in one line. `recipients` are those who did not get it.

    `others_too`: other mails would fail for the same reason, so they need not be tried by the same way now.
    """

    def __init__(self, why: str, recipients: tuple[str, ...], *, others_too: bool = False) -> None:
        super().__init__(why)
        self.why = one_line(why)[:500]
        self.recipients = recipients
        self.others_too = others_too


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How mail leaves this host: by `sendmail` (a path), or by the server `host` and `port`."""

    sendmail: str = ""
    host: str = "localhost"
    port: int = 25
    security: str = "none"
    ca_file: str | None = None
    login: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Way({self.in_words})"

    @property
    def in_words(self) -> str:
        return self.sendmail or f"{self.host}:{self.port}"


def message_of(
    contents: Contents,
    *,
    about: str,
    sender: str,
    recipients: tuple[str, ...],
    message_id: str,
    answers: str | None,
    at: datetime,
) -> bytes:
    """Return the whole message as it is sent, text and HTML. No value can begin another header.

    `about` is the job, or the jobs, for filters of mail programs.
    """
    message = EmailMessage(policy=SMTP_POLICY.clone(max_line_length=900))
    message["From"] = one_line(sender)
    message["To"] = ", ".join(one_line(recipient) for recipient in recipients)
    message["Subject"] = one_line(contents.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    if answers is not None:
        message["In-Reply-To"] = answers
        message["References"] = answers
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice in return
    message["X-Process-Control-Job"] = one_line(about)[:MAX_ABOUT]
    message.set_content(_encodable(contents.text), cte="quoted-printable")
    message.add_alternative(_encodable(contents.html), subtype="html", cte="quoted-printable")
    return message.as_bytes()


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def send(message: bytes, *, sender: str, recipients: tuple[str, ...], way: Way) -> str:
    """Send the message; return who took it. Raises Undelivered, within DEADLINE_SECONDS whatever the server does."""
    addresses = tuple(parseaddr(recipient)[1] for recipient in recipients)
    try:
        with _deadline(DEADLINE_SECONDS):
            if way.sendmail:
                _by_program(message, parseaddr(sender)[1], addresses, way)
            else:
                _by_smtp(message, parseaddr(sender)[1], addresses, way)
        return f"accepted by {way.in_words}"
    except smtplib.SMTPRecipientsRefused as error:
        raise Undelivered(_refusals(error.recipients, way), recipients) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise Undelivered(_in_words(error, way), recipients) from error
    except (OSError, smtplib.SMTPException, subprocess.SubprocessError, ValueError) as error:
        raise Undelivered(_in_words(error, way), recipients, others_too=True) from error


def greet(way: Way) -> str | None:
    """Say EHLO to the mail server, with TLS where mail is sent so, and leave; return why that fails, or None."""
    server = None
    try:
        with _deadline(DEADLINE_SECONDS):
            server = _connected(way)
            server.ehlo_or_helo_if_needed()
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return _in_words(error, way)
    finally:
        if server is not None:
            server.close()
    return None


def _connected(way: Way) -> Server:
    """Return a connection to the server, by TLS where the way says so. Raises OSError, SMTPException."""
    trusted = ssl.create_default_context(cafile=way.ca_file) if way.security != "none" else None
    name = socket.gethostname()  # never getfqdn: a dead name server would hold us up
    if way.security == "implicit":
        return ServerOverTls(way.host, way.port, local_hostname=name, timeout=ANSWER_SECONDS, context=trusted)
    server = Server(way.host, way.port, local_hostname=name, timeout=ANSWER_SECONDS)
    if way.security == "starttls":
        try:
            server.starttls(context=trusted)
        except BaseException:
            server.close()
            raise
    return server


def _by_smtp(message: bytes, sender: str, addresses: tuple[str, ...], way: Way) -> None:
    server = _connected(way)
    try:
        if way.login is not None:
            server.login(way.login, way.password or "")
        refused = server.sendmail(sender, addresses, message)
        with suppress(OSError, smtplib.SMTPException):  # the mail is accepted: what the server says now changes nothing
            if server.sock is not None:
                server.sock.settimeout(PARTING_SECONDS)
            server.quit()
    finally:
        server.close()
    if refused:
        raise Undelivered(_refusals(refused, way), tuple(refused))


def _by_program(message: bytes, sender: str, addresses: tuple[str, ...], way: Way) -> None:
    # RFC 5321 line ends are for the wire; a sendmail program reads a Unix text.
    text = message.replace(b"\r\n", b"\n")
    done = subprocess.run(
        [way.sendmail, "-i", "-f", sender, "--", *addresses],
        input=text,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=DEADLINE_SECONDS,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
    )
    if done.returncode:
        complaint = done.stderr.decode("utf-8", "replace").strip()[-300:]
        more = f": {complaint}" if complaint else ""
        raise Undelivered(f"{way.sendmail} exited with {done.returncode}{more}", addresses)


def _refusals(refused: dict[str, tuple[int, bytes]], way: Way) -> str:
    return "; ".join(f"{address}: {code} {_answer(text, way)}" for address, (code, text) in refused.items())


def _answer(text: bytes | str, way: Way) -> str:
    """Return a server's answer: some repeat the line that they refuse, and that may be the login."""
    answer = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return mask(answer, spellings(way.login or "", way.password)) if way.password else answer


def _in_words(error: Exception, way: Way) -> str:
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code < 0:
        return f"{way.in_words} did not answer in SMTP: {_answer(error.smtp_error, way)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{way.in_words} answered {error.smtp_code} {_answer(error.smtp_error, way)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{way.in_words}: the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError | subprocess.TimeoutExpired):
        return f"{way.in_words} did not answer in time"
    if isinstance(error, ValueError):  # the library's text would show a part of what could not be sent
        return f"{way.in_words}: an address, the login or the password has a character that cannot be sent"
    answer = _answer(error.strerror if isinstance(error, OSError) and error.strerror else str(error), way)
    return f"{way.in_words}: {answer or type(error).__name__}"


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when the time is over: a server may send one byte a second for ever."""

    def expired(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_program(path: str) -> bool:
    """Return whether there is a program that can be executed."""
    return os.path.isfile(path) and os.access(path, os.X_OK)
