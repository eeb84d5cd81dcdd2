"""A descriptor that shown output goes to: the job is never held up by who reads it, or does not.

Lean module, imported for runs that are shown. What the reader does not take at once waits, bounded, and is left out
with a word when there is too much of it; the log has every byte.
"""

import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.relay import Relay
    from process_control.system.account import Account

BACKLOG_BYTES = 256 << 10
_WAITS_IN_ALL_SECONDS = 1.0  # for a reader that is a little slower than the job, such as tee
_WAIT_SECONDS = 0.05  # at most so much later the run sees a limit or a signal
_NO_PROGRESS_SECONDS = 2.0
_LAST_WORDS_SECONDS = 10.0
_TYPE_OF_FILE, _CHARACTERS, _PIPE = 0o170000, 0o020000, 0o010000
_ANEW = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


class Outlet:
    """Where one stream or both are shown; `descriptor` does not block."""

    __slots__ = (
        "_backlog",
        "_descriptor",
        "_dropped",
        "_dropped_at",
        "_patience",
        "_relay",
        "at_line_start",
        "colour",
        "is_terminal",
    )

    def __init__(self, descriptor: int, *, is_terminal: bool, colour: bool, relay: "Relay | None" = None) -> None:
        self._descriptor = descriptor
        self._relay = relay
        self._backlog = b""
        self._dropped = 0
        self._dropped_at = b""  # what ends a line that was cut
        self._patience = _WAITS_IN_ALL_SECONDS
        self.is_terminal = is_terminal
        self.colour = colour and is_terminal
        self.at_line_start = True

    def drops(self, size: int) -> bool:
        """Whether so many bytes more are left out, and counted, since too much was left out just before."""
        if not self._dropped:
            return False
        self.flush()
        if len(self._backlog) > BACKLOG_BYTES // 2:
            self._dropped += size
            return True
        self._tell_what_was_dropped()
        return False

    def write(self, data: bytes) -> None:
        """Write what the reader takes now; the rest waits, or is dropped and counted when too much waits already."""
        if self.drops(len(data)):
            return
        self._backlog += data
        self.flush()
        while len(self._backlog) > BACKLOG_BYTES and self._patience > 0:
            began = time.monotonic()
            self._wait(_WAIT_SECONDS)
            self._patience -= time.monotonic() - began
        if len(self._backlog) > BACKLOG_BYTES:
            whole_lines = self._backlog.rfind(b"\n", 0, BACKLOG_BYTES) + 1
            keep = whole_lines or BACKLOG_BYTES
            self._dropped = len(self._backlog) - keep
            self._dropped_at = b"" if whole_lines else b"\n"
            self._backlog = self._backlog[:keep]

    def _tell_what_was_dropped(self) -> None:
        words = b"[... %d bytes not shown here, the log has them ...]\n" % self._dropped
        self._backlog += self._dropped_at + words
        self._dropped = 0

    def flush(self) -> bool:
        """Write what the reader takes now; return whether something still waits."""
        try:
            while self._backlog:
                self._backlog = self._backlog[posix.write(self._descriptor, self._backlog) :]
        except BlockingIOError:
            return True
        except OSError:  # the reader is gone; the run goes on
            self._backlog = b""
        return False

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll(seconds * 1000)
        self.flush()

    def settle(self) -> None:
        """Wait for a slow reader, as long as it reads: the run has been recorded, nothing depends on it any more."""
        gives_up = time.monotonic() + _LAST_WORDS_SECONDS
        waiting, until = len(self._backlog), time.monotonic() + _NO_PROGRESS_SECONDS
        while self._backlog and time.monotonic() < min(until, gives_up):
            self._wait(0.1)
            if len(self._backlog) < waiting:
                waiting, until = len(self._backlog), time.monotonic() + _NO_PROGRESS_SECONDS

    def close(self) -> None:
        """Say what was dropped, and wait for the reader a last time."""
        if self._dropped:
            self._tell_what_was_dropped()
        self.settle()
        posix.close(self._descriptor)
        if self._relay is not None:
            self._relay.wait()


def open_outlet(descriptor: int, account: "Account | None", *, colour: bool) -> Outlet | None:
    """Return an outlet to what `descriptor` is; None when there is no way that cannot block.

    O_NONBLOCK would change the caller's descriptor for everybody who shares it, so a terminal or a pipe is opened once
    more, by a path that needs no name in /dev. What we have no right to open (the terminal of another account), and
    what an open begins anew or blocks all the same (files), is written to by a process of its own.
    """
    mode = posix.fstat(descriptor).st_mode & _TYPE_OF_FILE
    is_terminal = posix.isatty(descriptor)
    if mode in (_CHARACTERS, _PIPE):
        try:
            return Outlet(posix.open(f"/proc/self/fd/{descriptor}", _ANEW), is_terminal=is_terminal, colour=colour)
        except OSError:
            pass
    from process_control.run.relay import start_relay

    relay = start_relay(descriptor, account)
    return None if relay is None else Outlet(relay.queue, is_terminal=is_terminal, colour=colour, relay=relay)
