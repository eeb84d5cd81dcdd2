"""Match a job's output against the regexes of its rules while it runs.

Imported when the command runs, and only for a job with such rules. At most one pipe full of output waits here and is
matched in slices of 10 ms. No more is read meanwhile, so that a job that prints faster is slowed down.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from re import Match
from typing import Any

from process_control.core.finding import STDERR, STDOUT
from process_control.core.line_watch import Lines, Splitter, Watched, watched_by
from process_control.execution.capture import OUT
from process_control.execution.regex_guard import Interrupted, MatchGuard, Regex, TakesTooLong

PIECE_BYTES = 64 << 10
SECONDS_AT_AN_END = 0.3
MAX_NUMBER = 100


class _Tried:
    """A regex and the rule that it belongs to; `is_on` until it has matched for good or taken too long."""

    __slots__ = ("is_on", "regex", "watched")

    def __init__(self, watched: Watched) -> None:
        """Compile the regex. Raises ValueError when it is invalid."""
        self.watched = watched
        self.regex = Regex(watched.regex)
        self.is_on = True


class _Stream:
    """One of the two streams: its lines so far, and the regexes that are tried on each.

    When a slice ends in the middle of a line, `_next` is the index of the next regex, `_rules` the rules that matched.
    """

    __slots__ = ("_next", "_rules", "is_watched", "name", "number", "splitter", "tried")

    def __init__(self, name: str, watched: Sequence[Watched]) -> None:
        self.name = name
        self.number = 0
        self.splitter = Splitter()
        self.is_watched = any(each.stream == name for each in watched)
        self.tried: list[_Tried] = []
        self._next = 0
        self._rules: tuple[int, ...] = ()

    def try_line(self, line: str, guard: MatchGuard, lines: Lines) -> bool:
        """Try the remaining regexes on this line; return False when the slice ended before all were tried."""
        for tried in self.tried[self._next :] if self._next else self.tried:
            if guard.slice_is_over:
                return False
            self._next += 1
            try:
                found = guard.find(tried.regex, line)
            except TakesTooLong:
                self._switch_off(tried, lines)
                continue
            if found is not None and self._note_match(tried, found, lines):
                break
        self.number += 1
        if self._rules or self.name == STDERR:
            lines.note(self.name, self.number, line, self._rules)
        self._end_line()
        return True

    def pass_over(self, unmatched: Sequence[str], lines: Lines) -> None:
        """Count lines that are not matched because there is no time."""
        if unmatched and self.name == STDERR:
            lines.note(STDERR, self.number + 1, unmatched[0], (), count=len(unmatched))
        self.number += len(unmatched)
        self._end_line()

    def _end_line(self) -> None:
        self._next = 0
        self._rules = ()
        if not all(tried.is_on for tried in self.tried):
            self.tried = [tried for tried in self.tried if tried.is_on]

    def _note_match(self, tried: _Tried, found: Match[str], lines: Lines) -> bool:
        """Record a match; return whether no further regex matters for this line."""
        watched = tried.watched
        if watched.purpose == "line":
            self._rules += (watched.rule,)
            return watched.settles
        if watched.purpose == "missing":
            lines.seen_regexes.add(watched.regex)
            tried.is_on = False
        else:
            lines.number_text = (found[1] or "")[:MAX_NUMBER]
        return False

    def _switch_off(self, tried: _Tried, lines: Lines) -> None:
        tried.is_on = False
        where = f"line {self.number + 1} of {self.name}"
        lines.faults.append(f"the regex of {tried.watched.name} took too long on {where}, and was not tried again")


class OutputWatch:
    """Watches the output of one attempt. `lines` collects the result; `is_stopping()`: the run is to be stopped."""

    __slots__ = ("_guard", "_is_stopping", "_now", "_streams", "_waiting", "lines")

    def __init__(
        self, rules: Sequence[Mapping[str, Any]], expect: Mapping[str, Any], *, is_stopping: Callable[[], bool]
    ) -> None:
        watched = watched_by(rules, expect)
        self._is_stopping = is_stopping
        self._guard = MatchGuard(is_stopping)
        self._streams = {name: _Stream(name, watched) for name in (STDERR, STDOUT)}
        self._waiting: deque[tuple[_Stream, bytes]] = deque()
        self._now: tuple[_Stream, deque[str]] | None = None
        self.lines = Lines(watches_stderr=self._streams[STDERR].is_watched)
        for each in watched:
            try:
                self._streams[each.stream].tried.append(_Tried(each))
            except ValueError:  # the job was read by another version of Python, where the regex is valid
                self.lines.faults.append(f"the regex of {each.name} could not be compiled, and was not tried")

    @property
    def is_behind(self) -> bool:
        """Whether lines wait to be matched; no more output should be read then."""
        return self._now is not None or bool(self._waiting)

    def take(self, stream: bytes, data: bytes) -> None:
        """Queue what was read from a stream."""
        where = self._streams[STDOUT if stream == OUT else STDERR]
        if not where.is_watched:
            return
        for first in range(0, len(data), PIECE_BYTES):
            self._waiting.append((where, data[first : first + PIECE_BYTES]))

    def work(self) -> None:
        """Match queued lines for at most one slice of 10 ms."""
        if not self.is_behind:
            return
        try:
            with self._guard:
                while not self._guard.slice_is_over and self._next_lines():
                    self._match_lines()
        except Interrupted:
            self.drop()

    def finish(self) -> None:
        """Match all queued lines and unfinished last lines after a command has ended.

        Lines that still wait after 0.3 s count as not matched, and the record says so.
        """
        for stream in self._streams.values():
            self._waiting.append((stream, b""))
        until = self._guard.seconds + SECONDS_AT_AN_END
        while self.is_behind and self._guard.seconds < until and not self._is_stopping():
            self.work()
        if self.is_behind and not self._is_stopping():
            self._give_up()
        self.drop()

    def drop(self) -> None:
        """Discard queued lines: a stopped run is not judged by its rules."""
        self._waiting.clear()
        self._now = None

    def _next_lines(self) -> bool:
        """Split the next queued piece into lines; return False when nothing is queued."""
        while self._now is None or not self._now[1]:
            self._now = None
            if not self._waiting:
                return False
            stream, data = self._waiting.popleft()
            self._guard.bytes_seen += len(data)
            self._now = stream, deque(_lines_of(stream, data))
        return True

    def _match_lines(self) -> None:
        if self._now is None:
            return
        stream, lines = self._now
        while lines and stream.try_line(lines[0], self._guard, self.lines):
            lines.popleft()

    def _give_up(self) -> None:
        """Count all queued lines as not matched."""
        count = 0
        if self._now is not None:
            stream, lines = self._now
            stream.pass_over(lines, self.lines)
            count += len(lines)
        for stream, data in self._waiting:
            unmatched = _lines_of(stream, data)
            stream.pass_over(unmatched, self.lines)
            count += len(unmatched)
        lines_in_words = "1 line" if count == 1 else f"{count:,} lines"
        self.lines.faults.append(f"there was no time to try the rules on {lines_in_words}: they count as not matched")


def _lines_of(stream: _Stream, data: bytes) -> list[str]:
    return stream.splitter.split(data) if data else stream.splitter.rest()
