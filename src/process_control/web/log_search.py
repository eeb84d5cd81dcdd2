"""A search over the log of a run, in a child: a slow regex and a long log hold nobody up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore

from process_control.errors import NotStarted, UsageError
from process_control.history.log_line import Line
from process_control.system.ask import NoAnswer, ask
from process_control.views.log_hits import Found, LogSearch
from process_control.views.log_pages import LogOfRun

#: Searches at a time, and how long another one waits for its turn.
MAX_SEARCHES, WAIT_SECONDS = 2, 5.0
#: A search ends by itself before.
MAX_SECONDS = 20.0
MAX_REGEX = 1000

_turns = BoundedSemaphore(MAX_SEARCHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A line that matches, and lines around it."""

    line: Line
    before: Sequence[Line]
    after: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a search has found, in the order of the log."""

    hits: Sequence[Hit]
    #: The byte from which on the log was searched back, or from which on it is to be searched forward.
    edge: int
    #: Whether that was all there is.
    is_all: bool
    #: Lines for which the regex takes too long.
    unsearched: int


def search_back(log: LogOfRun, regex: str, *, streams: Sequence[str], before: int | None) -> Hits:
    """Search a log from its end back, or from a byte of it. Raises UsageError (2), NotStarted (75), OSError."""
    return _ask(regex, lambda: LogSearch(log, regex, streams).back(before))


def search_forward(log: LogOfRun, regex: str, *, streams: Sequence[str], after: int, limit: int) -> Hits:
    """Search the lines that begin at a byte of a log or behind it. Raises UsageError (2), NotStarted (75), OSError."""
    return _ask(regex, lambda: LogSearch(log, regex, streams).forward(after, limit))


def _ask(regex: str, question: Callable[[], Found]) -> Hits:
    if len(regex) > MAX_REGEX:
        raise UsageError(f"grep: a regex of more than {MAX_REGEX} characters")
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise NotStarted("others are searching", hint="try it again in a moment")
    try:
        answer = ask(question, seconds=MAX_SECONDS)
    except NoAnswer:
        raise UsageError("grep: this search takes too long", hint="a simpler regex") from None
    finally:
        _turns.release()
    hits = [
        Hit(line=_line(each["line"]), before=[*map(_line, each["before"])], after=[*map(_line, each["after"])])
        for each in answer["hits"]
    ]
    return Hits(hits=hits, edge=answer["edge"], is_all=answer["is_all"], unsearched=answer["unsearched"])


def _line(found: Found) -> Line:
    text = found["text"].encode("latin-1")
    return Line(found["seconds"], found["stream"], text, ends=found["ends"], offset=found["offset"])
