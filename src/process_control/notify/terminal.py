"""A person's terminal while a job runs: its output as it comes, stderr in red, and a last line that sums up.

Lean room. The terminal never holds the job up: what it does not take at once waits, bounded, and is dropped with a
word when there is too much of it; the log has every byte.
"""

import posix
import select
import time

from process_control.core.masking import mask
from process_control.notify.message import (
    advice,
    as_on_a_screen,
    decision,
    duration_in_words,
    escape_controls,
    notes,
    reason_in_words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.run import Facts

_BACKLOG_BYTES = 256 << 10
_HELD_BYTES = 64 << 10
_LAST_WORDS_SECONDS = 2.0
_RED, _GREEN, _YELLOW, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_COLOURS = {"succeeded": _GREEN, "warned": _YELLOW}


class Terminal:
    """A terminal of our own opening, so that not blocking on it does not change it for anybody else."""

    __slots__ = ("_at_line_start", "_backlog", "_colour", "_descriptor", "_dropped", "_held", "is_live", "secrets")

    def __init__(self, descriptor: int, *, colour: bool) -> None:
        self._descriptor = descriptor
        self._colour = colour
        self._backlog = b""
        self._dropped = 0
        self._held: dict[bytes, bytes] = {}
        self._at_line_start = True
        self.is_live = True
        self.secrets: list[str] = []

    def show(self, stream: bytes, data: bytes) -> None:
        """Show output of the job; with secrets about, only whole lines, so that none is shown in two halves."""
        data = self._held.pop(stream, b"") + data
        if not self.secrets:
            whole = len(data) - _unfinished(data)
            if whole < len(data):
                data, self._held[stream] = data[:whole], data[whole:]
        else:
            data, newline, rest = data.rpartition(b"\n")
            data += newline
            if rest:
                self._held[stream] = rest if len(rest) <= _HELD_BYTES else self._masked_end(rest)
        if data:
            self._put(data, stream)

    def _masked_end(self, rest: bytes) -> bytes:
        """Return the end of a long line, masked before it is cut: what is left could begin within a secret."""
        masked = mask(rest.decode("utf-8", "surrogateescape"), self.secrets)
        return masked.encode("utf-8", "surrogateescape")[-_HELD_BYTES:]

    def _put(self, data: bytes, stream: bytes) -> None:
        text = mask(data.decode("utf-8", "replace"), self.secrets)
        text, overwrites, self._at_line_start = as_on_a_screen(text, at_line_start=self._at_line_start)
        text = escape_controls(text)
        again = ("\r\x1b[K" if self._colour else "\r") if overwrites else ""
        self._write(f"{again}{_RED}{text}{_PLAIN}" if stream == b"e" and self._colour else again + text)

    def say(self, text: str) -> None:
        """Write a line of our own."""
        start = "" if self._at_line_start else "\n"
        self._at_line_start = True
        self._write(f"{start}{self._in(_DIM, text)}\n")

    def tell(self, end: dict[str, object], facts: "Facts", *, name: str) -> None:  # noqa: ARG002  all was shown
        """Write the last lines: what became of the run, in words, and where its log is."""
        for stream, rest in list(self._held.items()):
            self._put(rest, stream)
        self._held.clear()
        until = time.monotonic() + _LAST_WORDS_SECONDS
        self._flush_until(until)  # the last lines must not be what a full backlog has no room for
        start = "" if self._at_line_start else "\n"
        mark = {"succeeded": "✓", "warned": "!"}.get(str(end["outcome"]), "✗")
        colour = _COLOURS.get(str(end["outcome"]), _RED)
        took = duration_in_words(float(str(end.get("duration_seconds") or 0)))
        self._write(f"{start}{self._in(colour, escape_controls(f'{mark} {name} {reason_in_words(end)}'))} in {took}\n")
        self._write(self._in(_DIM, f"  run {end['run_id']}  log {end.get('log') or 'none'}") + "\n")
        by = decision(end)
        if by:
            self._write(f"  decided by {escape_controls(by)}\n")
        hint = advice(end)
        for line in ([f"hint: {hint}"] if hint else []) + notes(end):
            self._write(f"  {line}\n")
        self._flush_until(until)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if len(self._backlog) + len(data) > _BACKLOG_BYTES:
            self._dropped += len(data)
            return
        if self._dropped:
            data = f"\n[... {self._dropped} bytes not shown here, the log has them ...]\n".encode() + data
            self._dropped = 0
        self._backlog += data
        self.flush()

    def flush(self) -> None:
        """Write what the terminal takes now."""
        try:
            while self._backlog:
                self._backlog = self._backlog[posix.write(self._descriptor, self._backlog) :]
        except BlockingIOError:
            pass
        except OSError:  # the terminal is gone; the run goes on
            self._backlog = b""

    def _flush_until(self, until: float) -> None:
        """Wait a little for a slow terminal: the run has been recorded, nothing depends on it any more."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self._backlog and time.monotonic() < until:
            poll.poll(100)
            self.flush()


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end have to wait for more: a part of a UTF-8 character, a carriage return."""
    if data.endswith(b"\r"):
        return 1
    for back, byte in enumerate(reversed(data[-3:]), start=1):
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            break
    return 0


def open_terminal(environment: dict[str, str]) -> Terminal | None:
    """Return the terminal that stdout is, or None when it is none or cannot be opened once more."""
    try:
        descriptor = posix.open(posix.ttyname(1), posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC)
    except OSError:
        return None
    colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return Terminal(descriptor, colour=colour)
