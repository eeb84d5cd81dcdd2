"""Waiting for what a job or the kernel does: a FIFO, a pidfd, a state in /proc; never for a time.

Every wait has a limit, only so that a broken promise fails instead of hanging.
"""

import os
import select
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from kit.processes import command_line

T = TypeVar("T")

PATIENCE_SECONDS = 180.0
"""How long any event may take before the test fails. Generous: it is never waited for when all is well."""


class TookTooLong(AssertionError):
    """What a test waited for did not happen."""


def until(condition: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first true value of `condition`. For states of the kernel that nobody announces (/proc).

    It looks again after 2 ms, later after a twentieth of what it has waited, at most 20 ms or ten times what a look
    takes, and not before three times that: looking takes processor time from whoever is waited for. Prefer a `Fifo`,
    `wait_gone` or `Live.wait_for_line`, which sleep until the event.
    """
    limit, began = Deadline(seconds), time.monotonic()
    looked = began
    while not (value := condition()):
        if limit.passed():
            raise TookTooLong(f"not within {seconds:g} s: {what}")
        now = time.monotonic()
        look, waited = now - looked, now - began
        longest = max(0.02, min(10 * look, 1.0))
        select.select([], [], [], max(min(max(0.002, waited / 20), longest), min(3 * look, 0.3)))
        looked = time.monotonic()
    return value


def readable(descriptors: Iterable[int], seconds: float) -> list[int]:
    """Return those that can be read, waiting so long for the first. Not select(2), which ends at descriptor 1024."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)]


class Deadline:
    """A moment of the monotonic clock after which an event counts as not happened."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        return time.monotonic() > self._end


def wait_gone(pid: int, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until process `pid` has ended, by pidfd: sleeps in the kernel until it happens."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not readable([handle], seconds):
            raise TookTooLong(f"process {pid} still runs after {seconds:g} s: {command_line(pid)}")
    finally:
        os.close(handle)


class Fifo:
    """A named pipe between a test and its job, open at both ends on our side, so that nobody blocks in open.

    `echo started > FIFO` in a job wakes `read_line()`; `read line < FIFO` in a job waits for `write_line()`.
    Use two of them for both directions.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        path.chmod(0o666)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._unread = b""

    def __str__(self) -> str:
        return str(self.path)

    def read_line(self, *, seconds: float = PATIENCE_SECONDS) -> str:
        """Return the next line that the job writes, without its newline."""
        limit = Deadline(seconds)
        while b"\n" not in self._unread:
            if not readable([self._descriptor], limit.left()):
                raise TookTooLong(f"nothing came through {self.path} within {seconds:g} s")
            self._unread += os.read(self._descriptor, 65536)
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode(errors="surrogateescape")

    def write_line(self, line: str = "go on") -> None:
        os.write(self._descriptor, line.encode() + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)
