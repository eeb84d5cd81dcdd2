"""A part of what a run printed, as the API sends it: masked, searched, in bounded memory and time."""

import hashlib
import hmac
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from process_control.config.settings import Settings
from process_control.errors import JobNotFound, UsageError
from process_control.history.index.past_run import Run
from process_control.history.log_line import MAX_LINE, STDERR, STDOUT, Line
from process_control.history.log_place import BEGINNING, place_before_end
from process_control.history.log_reader import LAST_BYTES, LOOK_FURTHER, current_path
from process_control.history.log_rows import At, Reading, is_compressed
from process_control.views.log_lines import Printed
from process_control.views.log_pages import LogOfRun, log_of_run
from process_control.web.answers import Part, decoded, encoded
from process_control.web.log_search import search_forward

STREAMS = {"out": STDOUT, "err": STDERR}
MAX_TEXT_BYTES = 8 << 20
#: So many pieces of a long line may make a part longer than was asked for.
MAX_PIECES = 16
#: Cursors are signed: one that begins within a secret would show the rest of it.
_KEY = os.urandom(32)
_MAC_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a log."""

    lines: Sequence[Line]
    #: Where the next ones begin: an At, or of a search a byte.
    next: str
    #: Whether these are the last ones, for now.
    is_at_end: bool


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

    Raises JobNotFound (66) without a log, SecretsUnknown (77), UsageError (2), NotStarted (75).
    """
    if last is not None and (cursor is not None or grep is not None):
        raise UsageError("last goes with neither cursor nor grep")
    what = f"{run.run_id} {''.join(streams)} {grep}"
    begin = "0-0" if cursor is None else _signed(cursor, what)
    wanted = [STREAMS[name] for name in streams]
    _check_log(run, settings)
    log = log_of_run(settings, run)
    try:
        if grep is not None:
            found = _matching_lines(log, grep, wanted, int(begin.partition("-")[0]), limit)
        elif last is not None:
            found = _last_lines(log, wanted, last)
        else:
            found = _first_lines(log, wanted, At.of(begin, may_have_gaps=True) or At(), limit)
    except FileNotFoundError:
        raise _no_log(run) from None
    rows = [Printed(run.job, run.run_id, log.began, line).to_json() for line in found.lines]
    is_over = found.is_at_end and run.outcome is not None
    return Part(rows, None if is_over else encoded(f"{_mac(found.next, what)}{found.next}"))


def _matching_lines(log: LogOfRun, grep: str, streams: Sequence[str], after: int, limit: int) -> Lines:
    found = search_forward(log, grep, streams=streams, after=after, limit=limit)
    return Lines([hit.line for hit in found.hits], str(found.edge), found.is_all)


def _first_lines(log: LogOfRun, streams: Sequence[str], after: At, limit: int) -> Lines:
    reading = Reading(log.path, streams=streams, secrets=log.secrets, after=after, is_growing=log.is_growing)
    rows: list[Line] = []
    size = 0
    for group in reading.groups():
        rows += group
        size += sum(len(line.text) for line in group)
        is_enough = len(rows) >= limit or size > MAX_TEXT_BYTES
        if is_enough and (reading.is_between_lines or len(rows) >= limit + MAX_PIECES):
            break
    return _ended(reading, rows)


def _last_lines(log: LogOfRun, streams: Sequence[str], count: int) -> Lines:
    """Read as much from the end as is needed for so many lines."""
    reach = LAST_BYTES
    while True:
        place = BEGINNING if is_compressed(log.path) else place_before_end(log.path, reach)
        reading = Reading(
            log.path,
            streams=streams,
            secrets=log.secrets,
            start=place,
            is_growing=log.is_growing,
            most_skipped=MAX_LINE,
        )
        rows = deque(reading.lines(), count)
        if len(rows) == count or place == BEGINNING:
            found = _ended(reading, list(rows))
            return Lines(found.lines[-count:], found.next, found.is_at_end)
        reach *= LOOK_FURTHER


def _ended(reading: Reading, rows: list[Line]) -> Lines:
    """Return the lines read; where a reading ends within a line, what was read of it too."""
    if not reading.is_between_lines:
        rows += reading.cut()
    return Lines(rows, str(reading.at), reading.is_at_end)


def _check_log(run: Run, settings: Settings) -> None:
    """Raise JobNotFound (66) for a run that has no log, or none any more."""
    if run.log is None or not os.path.exists(current_path(run.log, settings.output_directory)):
        raise _no_log(run)


def _no_log(run: Run) -> JobNotFound:
    if run.log is not None:
        return JobNotFound(f"the log of run {run.run_id} was removed", hint="`retention` says how long logs are kept")
    why = "it was skipped" if run.outcome == "skipped" else "none could be written"
    return JobNotFound(f"run {run.run_id} has no log: {why}")


def _signed(cursor: str, what: str) -> str:
    """Return the place in a cursor. Raises UsageError (2) for one of another server, or of another request."""
    text = decoded(cursor)
    mac, text = text[:_MAC_LETTERS], text[_MAC_LETTERS:]
    if not hmac.compare_digest(mac.encode(), _mac(text, what).encode()):
        raise UsageError("cursor: not one for this log", hint="begin again without it, or with last=100")
    return text


def _mac(text: str, what: str) -> str:
    return hmac.new(_KEY, f"{text}\n{what}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[
        :_MAC_LETTERS
    ]
