"""Searches what runs printed with a regex, under a guard: one that explodes must not keep anybody waiting."""

import re
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
#: What a regex takes as it stands.
PLAIN = re.compile(r"[a-zA-Z0-9 _:;,=/@%&<>'\"!~-]+")
#: What a line costs besides its characters, in bytes of the guard's allowance.
LINE_BYTES = 64


class Search:
    """A regex, and how many lines it was too slow for."""

    def __init__(self, text: str) -> None:
        """Compile the regex. Raises UsageError (2) for what is none."""
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
        #: One of them is in each line that matches; none: that is not known.
        self.needles = plain_words(text)

    def matching(self, printed: Iterator[Printed]) -> Iterator[Printed]:
        """Yield the lines that match. Raises UsageError (2) when that takes too long."""
        with self._guard:
            for each in printed:
                if each.line.stream != DROPPED and self._finds(each.decoded):
                    self.hits += 1
                    yield each

    def _finds(self, text: str) -> bool:
        """Return whether a line matches; False for one that would take too long."""
        self._guard.bytes_seen += len(text) + LINE_BYTES
        try:
            return self._guard.find(self._regex, text) is not None
        except TakesTooLong:
            self.unsearched += 1
        if self._regex.seconds > GRACE_SECONDS + SLOWEST_SECONDS_PER_BYTE * self._guard.bytes_seen:
            raise UsageError(f"--grep {self._text}: this regex takes too long", hint=SIMPLER)
        return False


def plain_words(regex: str) -> tuple[bytes, ...]:
    """Return the words of a regex that is nothing but words with `|` between; else nothing."""
    words = regex.split("|")
    is_plain = all(word and PLAIN.fullmatch(word) for word in words)
    return tuple(word.encode("utf-8") for word in words) if is_plain else ()
