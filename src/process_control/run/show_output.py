"""Show output to a person while a job runs, each stream on its descriptor, and a summary in the last lines.

Lean module. On a terminal control characters are escaped and stderr is red; anywhere else the bytes stay as they are.
"""

import posix

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
from process_control.run.outlet import Outlet, open_outlet
from process_control.run.report_on_stderr import StandardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.system.account import Account

_MAX_LINE_BYTES = 65536
_RED, _GREEN, _YELLOW, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_COLOURS = {"succeeded": _GREEN, "warned": _YELLOW}


class Terminal:
    """The Notifier for a person. `outlets` maps `b"o"` and `b"e"` to an outlet, which may be the same for both.

    Our own lines go to stderr if that is a terminal, else to stdout if that is one, else nowhere. If stderr is no
    terminal a failed run is also reported there, without the job's stderr, which was shown.
    """

    __slots__ = ("_held", "_outlets", "_own", "_report", "is_live", "secrets")

    def __init__(self, outlets: dict[bytes, Outlet], *, own: Outlet | None, report: StandardError | None) -> None:
        self._outlets = outlets
        self._own = own
        self._report = report
        self._held: dict[bytes, bytes] = {}
        self.is_live = True
        self.secrets: list[str] = []

    def show(self, stream: bytes, data: bytes) -> None:
        """Show output of the job. With secrets to mask only whole lines, so that no secret is split."""
        outlet = self._outlets.get(stream)
        if outlet is None:
            return
        data = self._held.pop(stream, b"") + data
        rest = b""
        if self.secrets:
            data, newline, rest = data.rpartition(b"\n")
            data += newline
            if len(rest) > _MAX_LINE_BYTES:
                begun, rest = self._split_long_line(rest)
                data += begun
        elif outlet.is_terminal:
            whole = len(data) - _unfinished(data)
            data, rest = data[:whole], data[whole:]
        if rest:
            self._held[stream] = rest
        if data:
            self._put(outlet, data, stream)

    def _split_long_line(self, line: bytes) -> tuple[bytes, bytes]:
        """Split an unfinished line: return its beginning, masked, and the end in which a secret may begin."""
        masked = mask(line.decode("utf-8", "surrogateescape"), self.secrets).encode("utf-8", "surrogateescape")
        longest = max([len(secret.encode("utf-8", "surrogateescape")) for secret in self.secrets])
        return masked[: len(masked) - longest], masked[len(masked) - longest :]

    def _put(self, outlet: Outlet, data: bytes, stream: bytes) -> None:
        if outlet.drops(len(data)):  # first, to save the work of escaping it
            return
        if not outlet.is_terminal:
            outlet.at_line_start = data.endswith(b"\n")
            if self.secrets:
                data = mask(data.decode("utf-8", "surrogateescape"), self.secrets).encode("utf-8", "surrogateescape")
            outlet.write(data)
            return
        text = mask(data.decode("utf-8", "replace"), self.secrets)
        text, overwrites, outlet.at_line_start = as_on_a_screen(text, at_line_start=outlet.at_line_start)
        text = escape_controls(text)
        again = ("\r\x1b[K" if outlet.colour else "\r") if overwrites else ""
        text = f"{again}{_RED}{text}{_PLAIN}" if stream == b"e" and outlet.colour else again + text
        outlet.write(text.encode("utf-8", "replace"))

    def say(self, text: str) -> None:
        """Write a line that is not output of the job."""
        if self._own is not None:
            self._write_own(self._own, f"{self._in(_DIM, text)}\n")

    def report(self, end: dict[str, object], facts: "Facts", *, name: str) -> None:
        """Write the last lines: the result of the run in words, and the path of its log."""
        for stream, rest in list(self._held.items()):
            self._put(self._outlets[stream], rest, stream)
        self._held.clear()
        outlets = set(self._outlets.values())
        for outlet in outlets:
            outlet.settle()  # the last lines must not be dropped for a full backlog
        if self._own is not None:
            self._write_own(self._own, self._last_lines(end, name))
        for outlet in outlets:
            outlet.close()
        if self._report is not None:
            self._report.secrets = self.secrets
            self._report.report(end, facts, name=name)

    def _last_lines(self, end: dict[str, object], name: str) -> str:
        mark = {"succeeded": "✓", "warned": "!"}.get(str(end["outcome"]), "✗")
        colour = _COLOURS.get(str(end["outcome"]), _RED)
        took = duration_in_words(float(str(end.get("duration_seconds") or 0)))
        lines = [
            f"{self._in(colour, escape_controls(f'{mark} {name} {reason_in_words(end)}'))} in {took}",
            *(self._in(_DIM, line) for line in _run_and_log(end)),
        ]
        by = decision(end)
        if by:
            lines.append(f"  decided by {escape_controls(by)}")
        hint = advice(end)
        lines += [f"  {line}" for line in ([f"hint: {hint}"] if hint else []) + notes(end)]
        return "\n".join(lines) + "\n"

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._own is not None and self._own.colour else text

    def _write_own(self, own: Outlet, text: str) -> None:
        start = "" if own.at_line_start else "\n"
        own.at_line_start = True
        own.write((start + text).encode("utf-8", "replace"))

    def flush(self) -> bool:
        """Write what can be written now; return whether some output is still queued."""
        waiting = [outlet.flush() for outlet in self._outlets.values()]
        return True in waiting


def _run_and_log(end: dict[str, object]) -> list[str]:
    """Return the lines with the id and the log of the run; one line if both fit in 80 columns."""
    run, log = f"  run {end['run_id']}", f"  log {end.get('log') or 'none'}"
    return [run + log] if len(run + log) <= 80 else [run, log]


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end need more input: a partial UTF-8 character, a carriage return."""
    if data.endswith(b"\r"):
        return 1
    for back, byte in enumerate(reversed(data[-3:]), start=1):
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            break
    return 0


def open_terminal(environment: dict[str, str], account: "Account | None" = None) -> Terminal:
    """Return a Terminal on our stdout and stderr, whatever these are. Call before rights are dropped."""
    colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    outlets: dict[bytes, Outlet] = {}
    own: Outlet | None = None
    for stream, descriptor in ((b"o", 1), (b"e", 2)):
        outlet = outlets.get(b"o") if descriptor == 2 and _are_the_same(1, 2) else None
        if outlet is None:
            outlet = open_outlet(descriptor, account, colour=colour)
        if outlet is not None:
            outlets[stream] = outlet
            own = outlet if outlet.is_terminal else own
    has_report = b"e" not in outlets or not outlets[b"e"].is_terminal
    return Terminal(outlets, own=own, report=StandardError(shows_stderr=b"e" not in outlets) if has_report else None)


def _are_the_same(one: int, other: int) -> bool:
    """Return whether both descriptors are one terminal, pipe or file. The order of the streams is kept then."""
    return posix.fstat(one)[1:3] == posix.fstat(other)[1:3]  # inode and device
