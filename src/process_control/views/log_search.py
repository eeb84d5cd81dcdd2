"""Searches what runs printed with a regex, under a guard: one that explodes must not keep anybody waiting."""

import re
import warnings
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
#: What makes a regex decide by more than the text that it matches, so that it may match in a line, but not in a block.
BY_MORE = re.compile(r"\(\?[!>(]|\(\?<!|[*+?}]\+|\\[AZ]")
#: A regex is tried on so much at a time, and not any more when it took too long so many times.
BLOCK_CHARACTERS, MAX_SLOW_BLOCKS = 16 << 10, 3
#: What a line costs besides its characters, in bytes of the guard's allowance.
LINE_BYTES = 64


class BlockRegex(Regex):
    """A regex for a text of several lines, in each of which it may match."""

    __slots__ = ("_in_lines",)

    def __init__(self, text: str) -> None:
        """Compile the regex. Raises ValueError for what is none."""
        super().__init__(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._in_lines = re.compile(text, re.MULTILINE)

    def find(self, line: str) -> re.Match[str] | None:
        """Return the first match in the text."""
        return self._in_lines.search(line)


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
        self._block_regex = None if BY_MORE.search(text) else BlockRegex(text)
        self._slow_blocks = 0
        #: One of them is in each line that matches; none: that is not known.
        self.needles = plain_words(text)
        self._words = [word.decode() for word in self.needles]

    def matching(self, printed: Iterator[Printed]) -> Iterator[Printed]:
        """Yield the lines that match. Raises UsageError (2) when that takes too long."""
        with self._guard:
            for each in printed:
                if each.line.stream != DROPPED and self._finds(each.decoded):
                    self.hits += 1
                    yield each

    @property
    def takes_blocks(self) -> bool:
        """Whether `in_block` is worth calling."""
        return bool(self.needles) or (self._block_regex is not None and self._slow_blocks < MAX_SLOW_BLOCKS)

    def in_block(self, text: str, at: int) -> tuple[int, int] | None:
        """Return begin and end of what may match in lines of a text, from a place on; None when nothing does.

        What is found may be more than what matches in a line, but not less.
        """
        if self.needles:
            places = [(found, found + len(word)) for word in self._words if (found := text.find(word, at)) >= 0]
            return min(places, default=None)
        with self._guard:
            while at < len(text):
                end = text.find("\n", at + BLOCK_CHARACTERS) + 1 or len(text)
                match = self._in_part(text[at:end])
                if match is not None:
                    return at + match[0], at + match[1]
                at = end
        return None

    def _in_part(self, part: str) -> tuple[int, int] | None:
        if not self.takes_blocks or self._block_regex is None or len(part) > 2 * BLOCK_CHARACTERS:
            return 0, len(part)
        self._guard.bytes_seen += len(part)
        try:  # what a carriage return overwrote is a line of its own here: what is left is one of them
            match = self._guard.find(self._block_regex, part.replace("\r", "\n"))
        except TakesTooLong:
            self._slow_blocks += 1
            return 0, len(part)
        return None if match is None else match.span()

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
