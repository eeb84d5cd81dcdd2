"""A part of what a run printed, as the API sends it: masked, searched, in bounded memory and time."""

import hashlib
import hmac
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

from process_control.config.settings import Settings
from process_control.core.moments import parse_iso
from process_control.errors import JobNotFound, UsageError
from process_control.history.index.past_run import Run
from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line
from process_control.history.log_pages import BEGINNING, LogPart, Mark
from process_control.history.log_place import BEGINNING as FIRST_PLACE
from process_control.history.log_place import place_before_end
from process_control.history.log_reader import GZIP, LAST_BYTES, LOOK_FURTHER, current_path
from process_control.views.log_lines import Printed, RunLogs
from process_control.views.log_search import Search, plain_words
from process_control.web.answers import Part, decoded, encoded
from process_control.web.in_child import ask_in_child

STREAMS = {"out": STDOUT, "err": STDERR}
#: A search ends after so long, and can be continued.
SEARCH_SECONDS = 8.0
MAX_TEXT_BYTES = 8 << 20
#: So many pieces of a long line may make a part longer than was asked for.
MAX_PIECES = 16
#: Cursors are signed: one that begins within a secret would show the rest of it.
_KEY = os.urandom(32)
_MAC_LETTERS = 24
Matching = Callable[[Iterator[Line]], Iterator[Line]]


def log_part(
    settings: Settings,
    run: Run,
    *,
    streams: Sequence[str],
    grep: str | None,
    last: int | None,
    limit: int,
    cursor: str | None,
) -> Part:
    """Return some lines of a run, oldest first, and what comes after them: of a run in progress, always something.

    Raises JobNotFound (66) without a log, SecretsUnknown (77), UsageError (2).
    """
    if last is not None and (cursor is not None or grep is not None):
        raise UsageError("last goes with neither cursor nor grep")
    path = _log_of(run, settings)
    secrets = RunLogs(settings).secrets(run.job, run.run_id, run.started_at)
    what = f"{run.run_id} {''.join(streams)} {grep}"
    words = plain_words(grep) if grep is not None else ()

    def part_from(mark: Mark) -> LogPart:
        return LogPart(
            path,
            mark,
            streams=[STREAMS[name] for name in streams],
            secrets=secrets,
            needles=words,
            is_growing=run.outcome is None,
            ends_at=float("inf") if grep is None else monotonic() + SEARCH_SECONDS,
        )

    def found() -> list[Any]:
        if last is not None:
            rows, part = _last_lines(path, part_from, last, has_secrets=bool(secrets))
        else:
            part = part_from(BEGINNING if mark is None else mark)
            rows = _first_lines(part, _matching(run, grep, words), limit)
        return [[_printed(run, row).to_json() for row in rows], part.mark.to_text(), part.is_at_end]

    mark = None if cursor is None else _mark(cursor, what)
    try:
        if grep is None or words:
            rows, text, is_at_end = found()
        else:
            rows, text, is_at_end = ask_in_child(found, seconds=2 * SEARCH_SECONDS, what="grep")
    except FileNotFoundError:
        raise _no_log(run) from None
    return Part(rows, None if is_at_end and run.outcome is not None else encoded(f"{_mac(text, what)}{text}"))


def _matching(run: Run, grep: str | None, words: Sequence[bytes]) -> Matching:
    """Return what leaves the lines that are searched for. A regex may explode: it is tried in a child only."""
    if grep is None:
        return iter
    if words:
        texts = [word.decode() for word in words]
        return lambda lines: (line for line in lines if line.stream != DROPPED and _has(_printed(run, line), texts))
    search = Search(grep)
    return lambda lines: (each.line for each in search.matching(_printed(run, line) for line in lines))


def _has(printed: Printed, words: Sequence[str]) -> bool:
    return any(word in printed.decoded for word in words)


def _first_lines(part: LogPart, matching: Matching, limit: int) -> list[Line]:
    rows: list[Line] = []
    size = 0
    for line in matching(part.lines()):
        rows.append(line)
        size += len(line.text)
        is_enough = len(rows) >= limit or size > MAX_TEXT_BYTES
        if is_enough and (part.is_between_lines or len(rows) >= limit + MAX_PIECES):
            break
    if not part.is_between_lines:
        rows += matching(part.cut())
    return rows


def _last_lines(
    path: str, part_from: Callable[[Mark], LogPart], count: int, *, has_secrets: bool
) -> tuple[list[Line], LogPart]:
    """Read as much from the end as is needed for so many lines."""
    reach = LAST_BYTES
    while True:
        place = FIRST_PLACE if path.endswith(GZIP) else place_before_end(path, reach)
        part = part_from(Mark.of_place(place, place.begun | (place.unsure if has_secrets else frozenset())))
        rows = deque(part.lines(), count)
        if len(rows) == count or place == FIRST_PLACE:
            if not part.is_between_lines:
                rows.extend(part.cut())
            return list(rows)[-count:], part
        reach *= LOOK_FURTHER


def _printed(run: Run, line: Line) -> Printed:
    return Printed(run.job, run.run_id, parse_iso(run.started_at), line)


def _log_of(run: Run, settings: Settings) -> str:
    if run.log is None:
        raise _no_log(run)
    return current_path(run.log, settings.output_directory)


def _no_log(run: Run) -> JobNotFound:
    if run.log is not None:
        return JobNotFound(f"the log of run {run.run_id} was removed", hint="`retention` says how long logs are kept")
    why = "it was skipped" if run.outcome == "skipped" else "none could be written"
    return JobNotFound(f"run {run.run_id} has no log: {why}")


def _mark(cursor: str, what: str) -> Mark:
    """Return the mark in a cursor. Raises UsageError (2) for one of another server, or of another request."""
    text = decoded(cursor)
    mac, text = text[:_MAC_LETTERS], text[_MAC_LETTERS:]
    if not hmac.compare_digest(mac.encode(), _mac(text, what).encode()):
        raise UsageError("cursor: not one for this log", hint="begin again without it, or with last=100")
    return Mark.of_text(text)


def _mac(text: str, what: str) -> str:
    return hmac.new(_KEY, f"{text}\n{what}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[
        :_MAC_LETTERS
    ]
