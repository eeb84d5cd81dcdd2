"""Limit the time of regexes, so that catastrophic backtracking delays neither a kill nor a timeout.

Python's `re` checks for signals while it matches, and a handler that raises aborts the match. A timer of CPU time sends
the signals, only while lines are matched. CPU time, not wall time: on a busy host a good regex must not look slow.

`re` checks every few thousand steps of one match. `search` is one match per start position, and on a long line each of
them may be long without reaching the check: `search` would not see a signal for seconds. So `search` is used on short
lines only; long ones are matched from 64 start positions at a time, by the same regex behind a prefix.
"""

import _signal
import re
import time
import warnings
from collections.abc import Callable

#: The period of the timer, which is one slice of matching.
TICK_SECONDS = 0.01
#: How long one regex may take for one line; a good one takes a thousandth of it.
LINE_SECONDS = 0.03
WASTED_SECONDS = 0.1
#: The shorter limits that hold when more than WASTED_SECONDS were spent on bad regexes: there seem to be many.
HASTY_TICK_SECONDS, HASTY_LINE_SECONDS = 0.004, 0.003
_MAX_TICK_SECONDS = 0.012
#: A regex may use this much CPU time in all, and so much more for each byte seen.
GRACE_SECONDS = 1.0
SLOWEST_SECONDS_PER_BYTE = 1e-6
SHORT_LINE = 256
_PLACES = 64
_GLOBAL_FLAGS = re.compile(r"(?:\(\?[aiLmsux]+\))+")

Found = re.Match[str] | None


class TakesTooLong(Exception):
    """A regex has used up its time, on one line or in total."""


class Interrupted(Exception):
    """The run is to be stopped, so that no further match matters."""


class Regex:
    """A compiled regex. `seconds` is the CPU time that it has used."""

    __slots__ = ("_match", "_search", "seconds")

    def __init__(self, text: str) -> None:
        """Compile `text`. Raises ValueError when it is no regex."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                whole = re.compile(text)
                flags = _GLOBAL_FLAGS.match(text)
                rest = text[flags.end() :] if flags else text
                end = "\n)" if whole.flags & re.VERBOSE else ")"  # a comment may come last
                self._match = re.compile(f"(?s:.{{0,{_PLACES - 1}}}?)(?:{rest}{end}", whole.flags).match
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(str(error)) from error
        self._search = whole.search
        self.seconds = 0.0

    def find(self, line: str) -> Found:
        """Return a match if the regex matches anywhere in this line."""
        if len(line) <= SHORT_LINE:
            return self._search(line)
        for place in range(0, len(line) + 1, _PLACES):
            found = self._match(line, place)
            if found is not None:
                return found
        return None


class MatchGuard:
    """The timer. `seconds` is the CPU time of all matching; `slice_is_over`: the caller should check other events."""

    __slots__ = (
        "_is_stopping",
        "_line_seconds",
        "_mark",
        "_others_share",
        "_regex",
        "_wasted",
        "bytes_seen",
        "seconds",
        "slice_is_over",
    )

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping
        self._regex: Regex | None = None
        self._line_seconds = 0.0
        self._mark = 0.0
        self._others_share = 0.0
        self._wasted = 0.0
        self.bytes_seen = 0
        self.seconds = 0.0
        self.slice_is_over = False
        _signal.signal(_signal.SIGVTALRM, self._tick)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGVTALRM,))

    def __enter__(self) -> None:
        self.slice_is_over = False
        self._mark = time.process_time()
        tick = HASTY_TICK_SECONDS if self._is_hasty else TICK_SECONDS
        _signal.setitimer(_signal.ITIMER_VIRTUAL, tick, tick)

    def __exit__(self, *_: object) -> None:
        _signal.setitimer(_signal.ITIMER_VIRTUAL, 0)
        self.seconds += self._elapsed()

    def find(self, regex: Regex, line: str) -> Found:
        """Return the match of `regex` in `line`, or None. Raises TakesTooLong and Interrupted."""
        self._line_seconds = 0.0
        if self._is_hasty:  # worth a look at the clock for each line: the first tick may then end the match
            self.seconds += self._elapsed()
            self._others_share = 0.0
        else:
            self._others_share = _MAX_TICK_SECONDS  # most of what the first tick measures was spent before this line
        self._regex = regex  # only while this is set may a tick raise
        found = regex.find(line)
        self._regex = None
        return found

    @property
    def _is_hasty(self) -> bool:
        return self._wasted > WASTED_SECONDS

    def _elapsed(self) -> float:
        before, self._mark = self._mark, time.process_time()
        return self._mark - before

    def _tick(self, _number: int, _frame: object) -> None:
        self.slice_is_over = True
        elapsed = self._elapsed()  # more than a tick when `re` did not check for signals for long
        self.seconds += elapsed
        regex = self._regex
        if regex is None:
            return
        if self._is_stopping():
            self._regex = None
            raise Interrupted
        self._line_seconds += max(0.0, elapsed - self._others_share)
        self._others_share = 0.0
        regex.seconds += elapsed
        most = HASTY_LINE_SECONDS if self._is_hasty else LINE_SECONDS
        allowed = GRACE_SECONDS + SLOWEST_SECONDS_PER_BYTE * self.bytes_seen
        if self._line_seconds > most or regex.seconds > allowed:
            self._wasted += self._line_seconds
            self._regex = None
            raise TakesTooLong
