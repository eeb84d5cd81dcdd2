"""Show output on a descriptor without ever delaying the job for a slow reader.

Lean module, imported for runs whose output is shown. What the reader does not take at once waits in a bounded backlog.
Beyond that it is dropped, and a line says so; the log has every byte.
"""

import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.relay import Relay
    from process_control.system.account import Account

BACKLOG_BYTES = 256 << 10
#: How long a run waits in total for a reader that is a little slower than the job, such as tee.
_WAITS_IN_ALL_SECONDS = 1.0
#: How long one wait takes at most, during which the run sees neither limits nor signals.
_WAIT_SECONDS = 0.05
_NO_PROGRESS_SECONDS = 2.0
_LAST_WORDS_SECONDS = 10.0
_TYPE_OF_FILE, _CHARACTERS, _PIPE = 0o170000, 0o020000, 0o010000
_ANEW = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


class Outlet:
    """Shows one stream or both on `descriptor`, which does not block."""

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
        self._dropped_at = b""  # ends a line that was cut
        self._patience = _WAITS_IN_ALL_SECONDS
        self.is_terminal = is_terminal
        self.colour = colour and is_terminal
        self.at_line_start = True

    def drops(self, size: int) -> bool:
        """Return whether to drop `size` bytes, and count them, because bytes just before were dropped."""
        if not self._dropped:
            return False
        self.flush()
        if len(self._backlog) > BACKLOG_BYTES // 2:
            self._dropped += size
            return True
        self._report_what_was_dropped()
        return False

    def write(self, data: bytes) -> None:
        """Write what the reader takes now; queue the rest, or drop and count it when too much is queued."""
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

    def _report_what_was_dropped(self) -> None:
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
        except OSError:  # the reader is gone; the run continues
            self._backlog = b""
        return False

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll(seconds * 1000)
        self.flush()

    def settle(self) -> None:
        """Wait for a slow reader as long as it reads. Call it after the run was recorded: this may take long."""
        gives_up = time.monotonic() + _LAST_WORDS_SECONDS
        waiting, until = len(self._backlog), time.monotonic() + _NO_PROGRESS_SECONDS
        while self._backlog and time.monotonic() < min(until, gives_up):
            self._wait(0.1)
            if len(self._backlog) < waiting:
                waiting, until = len(self._backlog), time.monotonic() + _NO_PROGRESS_SECONDS

    def close(self) -> None:
        """Write how much was dropped, and wait once more for the reader."""
        if self._dropped:
            self._report_what_was_dropped()
        self.settle()
        posix.close(self._descriptor)
        if self._relay is not None:
            self._relay.wait()


def open_outlet(descriptor: int, account: "Account | None", *, colour: bool) -> Outlet | None:
    """Return an outlet for `descriptor`; None when it cannot be written to without blocking.

    O_NONBLOCK would affect every process that shares the descriptor. So a terminal or pipe is opened again, through
    /proc/self/fd. A separate process writes where that fails (the terminal of another account) or does not help (files,
    which block anyway and would be written from their beginning).
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
