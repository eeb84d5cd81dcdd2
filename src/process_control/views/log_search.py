"""Searches what runs printed with a regex, under a guard: one that explodes must not keep anybody waiting."""

from collections.abc import Iterator

from process_control.errors import UsageError
from process_control.execution.regex_guard import (
    GRACE_SECONDS,
    SLOWEST_SECONDS_PER_BYTE,
    MatchGuard,
    Regex,
    TakesTooLong,
)
from process_control.history.log_line import DROPPED
from process_control.views.log_lines import Printed

SIMPLER = "write it without a repetition inside a repetition; to search the raw log: process-control logs JOB --raw"
#: What a line costs besides its characters, in bytes of the guard's allowance.
LINE_BYTES = 64


class Search:
    """A regex, and how many lines it was too slow for."""

    def __init__(self, text: str) -> None:
        """Raises UsageError (2) for what is no regex."""
        self._text = text
        self.unsearched = 0
        self.hits = 0
        try:
            self._regex = Regex(text)
        except ValueError as error:
            raise UsageError(
                f"--grep {text}: {error}", hint="a regex as of Python: 'error|failed', '^rows: [0-9]+'"
            ) from None
        self._guard = MatchGuard(lambda: False)

    def matching(self, printed: Iterator[Printed]) -> Iterator[Printed]:
        """Yield the lines that match. Raises UsageError (2) when that takes too long."""
        for each in printed:
            if each.line.stream != DROPPED and self.finds(each.decoded):
                self.hits += 1
                yield each

    def finds(self, text: str) -> bool:
        """Return whether a line matches; False for one that would take too long."""
        self._guard.bytes_seen += len(text) + LINE_BYTES
        try:
            with self._guard:
                return self._guard.find(self._regex, text) is not None
        except TakesTooLong:
            self.unsearched += 1
        if self._regex.seconds > GRACE_SECONDS + SLOWEST_SECONDS_PER_BYTE * self._guard.bytes_seen:
            raise UsageError(f"--grep {self._text}: this regex takes too long", hint=SIMPLER)
        return False
