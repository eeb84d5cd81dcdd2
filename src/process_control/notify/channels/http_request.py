"""One HTTP request, within a deadline whatever the other side does. No redirect is followed, and no proxy is used.

The request is made in a child that is killed at the deadline: no signal ends a look-up of a name. No fault shows the
path of the URL.
"""

import base64
import http
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, quote, unquote

from process_control import __version__
from process_control.core.masking import mask
from process_control.core.recipient import shown_url
from process_control.notify.channel import Answer, Later, Never, Taken
from process_control.notify.channels.address import Unusable, in_one_line, secrets_in, split
from process_control.system.ask import ANSWER_SECONDS, NoAnswer, ask

DEADLINE_SECONDS = 30.0
#: For what an answer says beside its status.
BODY_SECONDS = 2.0
MAX_BODY = 64 * 1024
_IN_PATH = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    #: What it says, at most MAX_BODY; not read when the status is 2xx, except where that was asked for.
    body: str = ""
    #: Where a redirect leads, without its path.
    location: str = ""
    #: When to come again, as it asks (UTC seconds).
    retry_at: float | None = None

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def in_words(self) -> str:
        """`404 Not Found`; our own words, since those of the answer may repeat a secret."""
        try:
            return f"{self.status} {http.HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)


def request(
    url: str,
    *,
    method: str = "POST",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    only_loopback: bool = False,
    reads_body: bool = False,
    seconds: float = DEADLINE_SECONDS,
) -> Reply:
    """Return the answer to one request. Raises Unusable when there is none.

    `only_loopback`: nothing is sent unless the connection stays on this host. `reads_body`: also of a good answer.
    """
    parts = split(url)

    def exchange() -> dict[str, Any]:
        return _exchange(parts, method, body, dict(headers or {}), only_loopback, reads_body)

    try:
        answer = ask(exchange, seconds=seconds)
    except NoAnswer:
        raise Unusable(f"{shown_url(url)}: no answer within {seconds:g} s") from None
    except OSError as error:
        raise Unusable(f"no process can be made: {error.strerror}") from None
    if "fault" in answer:
        raise Unusable(f"{shown_url(url)}: {answer['fault']}")
    return Reply(**answer)


def check_host(url: str, *, seconds: float = ANSWER_SECONDS) -> None:
    """Raise Unusable unless the host of a URL can be connected with, by TLS where messages go so. Nothing is sent."""
    parts = split(url)
    try:
        fault = ask(lambda: _why_not_connected(parts), seconds=seconds)
    except NoAnswer:
        fault = f"no answer within {seconds:g} s"
    except OSError as error:
        fault = f"no process can be made: {error.strerror}"
    if fault:
        raise Unusable(f"{shown_url(url)}: {fault}")


def answer_of(reply: Reply, *, who: str, url: str, secrets: list[str]) -> Answer:
    """Return what a reply means for a message. Raises Unusable when it is no fault of the message."""
    if reply.is_good:
        return Taken(reply.in_words)
    if reply.status == http.HTTPStatus.GONE:  # a receiver says so on purpose: nobody will ever listen there again
        return Never(f"{shown_url(url)} answered {reply.in_words}")
    # All else is tried again until it is given up, also 400 or 404: what is misconfigured today, here or there,
    # somebody may repair tomorrow, and the message is then still wanted.
    why = f"{shown_url(url)} answered {reply.in_words}"
    if 300 <= reply.status < 400:
        where = f" to {reply.location}" if reply.location else ""
        return Later((who,), f"{why}, a redirect{where}, which is not followed; write the URL where it leads")
    line = mask(next(iter(reply.body.strip().splitlines()), ""), [*secrets, *secrets_in(url)])
    if line and not line.startswith("<"):
        why += f": {in_one_line(line)}"
    if reply.status == http.HTTPStatus.TOO_MANY_REQUESTS or reply.status >= 500:
        raise Unusable(why, retry_at=reply.retry_at)
    return Later((who,), why)


# --- in the child ----------------------------------------------------------------------------------------------------


def _exchange(
    parts: SplitResult, method: str, body: bytes | None, headers: dict[str, str], only_loopback: bool, reads_body: bool
) -> dict[str, Any]:
    """Return the fields of the Reply, or the `fault` in words."""
    try:
        connection = _connected(parts)
        if only_loopback and not _is_loopback(connection.sock.getpeername()[0]):
            return {"fault": "http:// is for this host only, since anybody on the way could read it; use https://"}
        connection.request(method, _target(parts), body=body, headers={**_headers_of(parts), **headers})
        line = connection.sock
        response = connection.getresponse()
        reply: dict[str, Any] = {"status": response.status}
        if 200 <= response.status < 300 and not reads_body:
            return reply  # it is taken: what else is in the answer, and how slowly it comes, changes nothing
        reply["location"] = _shown_location(response.headers.get("Location", ""))
        reply["retry_at"] = _retry_at(response.headers.get("Retry-After", ""))
        if not reads_body and line is not None:
            line.settimeout(BODY_SECONDS)
        with suppress(OSError, http.client.HTTPException):
            received = response.read(MAX_BODY) if reads_body else response.read1(MAX_BODY)
            reply["body"] = received.decode("utf-8", "replace")
        return reply
    except Exception as error:  # noqa: BLE001  whatever the other side did: its text may show the URL
        return {"fault": _in_words(error)}


def _why_not_connected(parts: SplitResult) -> str:
    try:
        _connected(parts).close()
    except Exception as error:  # noqa: BLE001  whatever the other side did
        return _in_words(error)
    return ""


def _connected(parts: SplitResult) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme.lower() == "https":
        # As the library sets it: the CAs of the system, the name is verified.
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=DEADLINE_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=DEADLINE_SECONDS)
    connection.connect()
    return connection


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_IN_PATH)
    return f"{path}?{quote(parts.query, safe=_IN_PATH + '?')}" if parts.query else path


def _headers_of(parts: SplitResult) -> dict[str, str]:
    headers = {"User-Agent": f"process-control/{__version__}", "Connection": "close"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return headers


def _is_loopback(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def _shown_location(location: str) -> str:
    return shown_url(location) if "://" in location else ""


def _retry_at(text: str) -> float | None:
    """Return the moment of a Retry-After: seconds, or a date."""
    if text.strip().isdigit():
        return time.time() + int(text.strip()[:9])
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(text).timestamp()
    return None


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {in_one_line(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {in_one_line((error.reason or 'no reason given').lower().replace('_', ' '))}"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved: {in_one_line(str(error.strerror))}"
    if isinstance(error, TimeoutError):
        return f"no answer within {DEADLINE_SECONDS:g} s"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "the connection was closed without an answer"
    if isinstance(error, OSError) and error.strerror:
        return in_one_line(error.strerror.lower())
    if isinstance(error, ValueError | http.client.InvalidURL):
        return "its URL has a character that cannot be sent"
    return f"no answer in HTTP ({type(error).__name__})"
