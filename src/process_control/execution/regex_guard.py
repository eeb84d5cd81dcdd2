"""A time guard for regexes: one that explodes is ended, and never keeps the run from a kill, a timeout, its end.

Python's `re` looks for signals while it matches, and a handler that raises ends the match. A timer of CPU time sends
them only while lines are matched. That clock, not the wall's: a host that is busy must not make a good regex look bad.

`re` looks every few thousand steps of one match, and `search` is many matches, from each place in turn: with a long
line each may be a long step, and `search` would not look for seconds. So `search` gets short lines only. A long one is
matched from 64 places at a time, by the same regex behind a prefix.
"""

import _signal
import re
import time
import warnings
from collections.abc import Callable

TICK_SECONDS = 0.01
LINE_SECONDS = 0.03
"""What one regex may take for one line; a good one takes a thousandth of it."""
WASTED_SECONDS = 0.2
HASTY_TICK_SECONDS, HASTY_LINE_SECONDS = 0.004, 0.003
"""From so much wasted time on each regex has less: there seem to be many bad ones."""
_MAX_TICK_SECONDS = 0.012
GRACE_SECONDS = 1.0
SLOWEST_SECONDS_PER_BYTE = 1e-6
SHORT_LINE = 256
_PLACES = 64
_GLOBAL_FLAGS = re.compile(r"(?:\(\?[aiLmsux]+\))+")

Found = re.Match[str] | None


class TakesTooLong(Exception):
    """A regex used up its time, on one line or on all together."""


class Interrupted(Exception):
    """The run is to be stopped: nothing that could still be matched matters."""


class Regex:
    """A regex ready to be tried on lines. `seconds` is the CPU time that it has had."""

    __slots__ = ("_match", "_search", "seconds")

    def __init__(self, text: str) -> None:
        """Raises ValueError for what is no regex."""
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
        """Return what `search` would of this line."""
        if len(line) <= SHORT_LINE:
            return self._search(line)
        for place in range(0, len(line) + 1, _PLACES):
            found = self._match(line, place)
            if found is not None:
                return found
        return None


class MatchGuard:
    """The timer. `seconds` is what all matching took; `slice_is_over` asks to look at the rest of the world."""

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
        """Return what `regex` finds in `line`. Raises TakesTooLong and Interrupted."""
        self._line_seconds = 0.0
        self._others_share = _MAX_TICK_SECONDS  # of what the first tick finds, most was before this line
        self._regex = regex  # from here to the next line a tick may raise, and nowhere else
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
        elapsed = self._elapsed()  # more than a tick, when `re` did not look for long
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
