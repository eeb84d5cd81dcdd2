"""A syslog for tests: a datagram socket of their own, and what came through it."""

import contextlib
import ctypes
import os
import re
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kit.events import PATIENCE_SECONDS, Deadline, TookTooLong

CLONE_NEWNET = 0x40000000
FORM = re.compile(
    r"<(?P<priority>\d{1,3})>(?P<at>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) "
    r"(?P<tag>[^:\[]+)\[(?P<pid>\d+)\]: (?P<text>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One datagram of a local program, taken apart as RFC 3164 has it."""

    facility: int
    severity: int
    tag: str
    pid: int
    text: str

    @property
    def slug(self) -> str:
        return self.text.partition(":")[0]

    @property
    def facts(self) -> dict[str, str]:
        """What stands there as key=value; values in quotes without them."""
        found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', self.text)
        return {key: re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value for key, value in found}


def parsed(message: bytes) -> Line:
    match = FORM.fullmatch(message.decode())
    if match is None:
        raise AssertionError(f"not as RFC 3164 has it: {message!r}")
    facility, severity = divmod(int(match["priority"]), 8)
    return Line(facility, severity, match["tag"], int(match["pid"]), match["text"])


def socket_with_a_long_queue() -> socket.socket:
    """Return a datagram socket for which the kernel keeps many lines, where root may ask for that; else ten."""
    made: list[socket.socket] = []

    def make() -> None:  # the length is that of the network of the thread that makes the socket
        with contextlib.suppress(OSError):
            if ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0:
                Path("/proc/sys/net/unix/max_dgram_qlen").write_text("100000")
        made.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class Listener:
    """A socket that lines are sent to; its `path` is the address for `syslog` in a configuration.

    The kernel keeps ten lines for it, and who sends one does not wait; with `long_queue` also when we get no processor.
    """

    def __init__(self, path: Path, *, long_queue: bool = False) -> None:
        self.path = path
        self._socket = socket_with_a_long_queue() if long_queue else socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        path.chmod(0o666)
        self._lines: list[Line] = []
        self._messages: list[bytes] = []
        #: Held from taking a message to keeping it: else who reads beside the thread keeps a later one before it.
        self._reading = threading.Lock()
        self._reader: threading.Thread | None = None
        self._end_of_reading, self._end_reading = os.pipe()

    def read_all_the_time(self) -> None:
        """Read in a thread from now on."""
        self._reader = threading.Thread(target=self._read_until_closed, daemon=True)
        self._reader.start()

    def _read_until_closed(self) -> None:
        while self._end_of_reading not in select.select([self._socket, self._end_of_reading], [], [])[0]:
            self._read()

    def _read(self) -> None:
        try:
            while True:
                with self._reading:
                    self._messages.append(self._socket.recv(1 << 16))
        except BlockingIOError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._end_reading)
        if self._reader is not None:
            self._reader.join()
        os.close(self._end_of_reading)
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def lines(self, tag: str = "process-control") -> list[Line]:
        """Return every line that has come from `tag`; what was sent before this call is there."""
        return [line for line in self.all_lines() if line.tag == tag]

    def all_lines(self) -> list[Line]:
        """Return every line that has come, whoever sent it."""
        return self.lines_from(0)

    def lines_from(self, number: int) -> list[Line]:
        """Return the lines that have come, but for the first `number`."""
        self._read()
        while self._messages:
            self._lines.append(parsed(self._messages.pop(0)))
        return self._lines[number:]

    def texts(self, tag: str = "process-control") -> list[str]:
        return [line.text for line in self.lines(tag)]

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Look at `condition` after each line that comes, until it holds. Reads all the while: nobody waits for us."""
        limit = Deadline(seconds)
        while not condition():
            if not select.select([self._socket], [], [], limit.left())[0]:
                came = "\n".join(line.text for line in self._lines)
                raise TookTooLong(f"not within {seconds:g} s: {what}; so far:\n{came}")

    def fill(self) -> None:
        """Let the queue run full, as a syslog does that hangs."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"x", os.fspath(self.path))
            except BlockingIOError:
                return
