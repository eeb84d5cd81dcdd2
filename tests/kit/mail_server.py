"""A real mail server for tests (aiosmtpd), and ones that misbehave: what came, and how often somebody knocked."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from kit.events import PATIENCE_SECONDS, until
from kit.harness import Box
from process_control.state.incident_store import LOCK, WAITING
from process_control.system import lock


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it arrived: the envelope, and the message."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        if part is None:
            raise AssertionError(f"no {kind} part: {self.raw!r}")
        return str(part.get_content()).replace("\r\n", "\n")


class _OnAFreePort(Controller):
    """Listens on a port that it has from the beginning: one that was only found free may be another test's by then."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._socket = socket.socket()
        self._socket.bind((self.hostname, 0))
        self.port = int(self._socket.getsockname()[1])

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


class MailServer:
    """A mail server on loopback. `answers` gives the reply to each recipient, in order of their coming; then 250."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> None:
        self.mails: list[Received] = []
        self.answers: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self._login = login
        options: dict[str, Any] = {}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        if login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._controller = _OnAFreePort(self, hostname="127.0.0.1", ready_timeout=PATIENCE_SECONDS, **options)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def wait_for(self, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[Received]:
        """Return the mails when so many have come."""
        until(lambda: len(self.mails) >= count, f"{count} mails, not {len(self.mails)}", seconds=seconds)
        return list(self.mails)

    async def handle_RCPT(  # noqa: N802  the names that aiosmtpd calls
        self, server: object, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        message = BytesParser(policy=default).parsebytes(raw)
        self.mails.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), message, raw))  # type: ignore[arg-type]
        return "250 taken"

    def _authenticate(
        self, server: object, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        given = data.login.decode(), data.password.decode()
        self.logins.append(given)
        return AuthResult(success=given == self._login, handled=False)


@contextmanager
def mail_server(**how: Any) -> Iterator[MailServer]:
    server = MailServer(**how)
    server.start()
    try:
        yield server
    finally:
        server.stop()


# --- a box that mails ------------------------------------------------------------------------------------------------


def mail_to(box: Box, server: "MailServer | BadServer", **how: object) -> None:
    box.configure(
        failmail={"to_address": "ops@example.org", "from_address": "pc@example.org", "smtp": server.address} | how
    )


def wait_until_told(box: Box) -> None:
    """Wait until nobody is telling any more."""
    box.wait_until_all_ended()


@contextmanager
def nothing_is_sent(box: Box) -> Iterator[None]:
    """Keep what is posted in the spool: who would send it ends at once while one is at it, and one waits for that."""
    run_directory = box.state_directory / "run"
    is_new = not run_directory.exists()
    run_directory.mkdir(parents=True, exist_ok=True)
    held = [lock.take(str(run_directory), name) for name in (WAITING, LOCK)]
    if is_new:
        box.give(box.state_directory, box.service_user)
        os.chmod(run_directory, 0o755)
    try:
        if None in held:
            raise AssertionError("somebody sends already")
        yield
    finally:
        for descriptor in held:
            if descriptor is not None:
                os.close(descriptor)


@contextmanager
def nobody_sends(box: Box) -> Iterator[None]:
    """Keep what is posted in the spool, until all who would send it have ended."""
    with nothing_is_sent(box):
        yield
        wait_until_told(box)


# --- servers that misbehave ------------------------------------------------------------------------------------------

Script = Callable[[socket.socket], None]


class BadServer:
    """A listener that does to each connection what its script says; counts the connections."""

    def __init__(self, script: Script, *, port: int = 0) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", port))
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            try:
                self._script(connection)
            except OSError:
                continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            connection.close()
        self._thread.join()
        for connection in self._open:  # one that was just being accepted too
            connection.close()


@contextmanager
def bad_server(script: Script) -> Iterator[BadServer]:
    server = BadServer(script)
    try:
        yield server
    finally:
        server.close()


def says_nothing(connection: socket.socket) -> None:
    """Accept, and never say a word."""


def closes_at_once(connection: socket.socket) -> None:
    connection.close()


def answers(*replies: bytes) -> Script:
    """Greet with the first reply, then answer each line of the client with the next one; then close."""

    def script(connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            for number, reply in enumerate(replies):
                if number and not lines.readline():
                    return
                connection.sendall(reply + b"\r\n")
            connection.close()

    return script


def closes_after_data(connection: socket.socket) -> None:
    """Take the whole mail and close without having said that it was taken."""
    with connection.makefile("rb") as lines:
        connection.sendall(b"220 ready\r\n")
        for line in lines:
            word = line[:4].upper()
            if word == b"DATA":
                connection.sendall(b"354 go on\r\n")
            elif line == b".\r\n":
                connection.close()
                return
            elif word in (b"EHLO", b"MAIL", b"RCPT"):
                connection.sendall(b"250 OK\r\n")


# --- certificates ----------------------------------------------------------------------------------------------------


def certificate(directory: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for `names`; return the server's context and the file that a client may trust."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "process-control test")])
    alternatives = [x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = directory / "trusted.pem", directory / "private.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    trusted.chmod(0o644)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
