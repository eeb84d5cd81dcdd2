"""Sends one line to the syslog (RFC 3164): a datagram, without ever waiting.

Lean module. A missing, dead or full syslog changes nothing. Names are looked up in /etc/hosts, never by a name server.
"""

import _socket
import posix
import time

from process_control.system import proc

FACILITIES = {
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    "local0": 16,
    "local1": 17,
    "local2": 18,
    "local3": 19,
    "local4": 20,
    "local5": 21,
    "local6": 22,
    "local7": 23,
}
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6

TAG = "process-control"
#: In bytes: RFC 3164, section 4.1. Local sockets accept more, and a line of a crontab may need it.
MAX_DATAGRAM = 1024
MAX_LOCAL = 8192
_HOSTS = "/etc/hosts"
_HOSTS_BYTES = 1 << 20


def send(address: str, facility: str, severity: int, text: str, *, pid: int | None = None) -> bool:
    """Send one line to `address`, a socket's path or host:port (UDP). Return whether the kernel took it. Never waits.

    Control characters are escaped; a line that is too long is cut. `pid` is the sender; None: this process.
    """
    priority = FACILITIES.get(facility, FACILITIES["user"]) * 8 + severity
    words = f"{TAG}[{pid or posix.getpid()}]: {_on_one_line(text)}"
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
    if address.startswith("/"):
        return _send(_socket.AF_UNIX, address, _cut(f"<{priority}>{stamp} {words}", MAX_LOCAL))
    found = _find(address)
    if found is None:
        return False
    host = posix.uname().nodename
    return _send(*found, _cut(f"<{priority}>{stamp} {host} {words}", MAX_DATAGRAM))


def _send(family: int, target: "str | tuple[str, int]", message: bytes) -> bool:
    kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
    try:
        sender = _socket.socket(family, kind)
        try:
            return sender.sendto(message, target) == len(message)
        finally:
            sender.close()
    except OSError:  # nobody listens, or too slowly
        return False


def _on_one_line(text: str) -> str:
    """Return `text` with unprintable characters escaped, so that it stays one line and controls no terminal."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text])


def _cut(text: str, limit: int) -> bytes:
    message = text.encode("utf-8", "backslashreplace")
    if len(message) <= limit:
        return message
    return message[: limit - 3].decode("utf-8", "ignore").encode("utf-8") + b"..."


def is_known(address: str) -> bool:
    """Return whether `address` is known: a path, an IP address, or a name in /etc/hosts."""
    return address.startswith("/") or _find(address) is not None


def _find(address: str) -> "tuple[int, tuple[str, int]] | None":
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = _family_of(host)
    if family is None:
        host = _in_hosts(host.lower())
        family = _family_of(host)
    return None if family is None else (family, (host, int(port)))


def _family_of(host: str) -> int | None:
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family
    return None


def _in_hosts(name: str) -> str:
    """Return the first address of `name` in /etc/hosts; empty when there is none."""
    for line in proc.read_small(_HOSTS, _HOSTS_BYTES).decode("utf-8", "replace").splitlines():
        words = line.partition("#")[0].lower().split()
        if name in words[1:]:
            return words[0]
    return ""
