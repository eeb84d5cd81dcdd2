"""The log of one run in pages, from its end or from any place: bounded, whatever the length of log and lines."""

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from process_control.config.settings import Settings
from process_control.core.moments import parse_iso
from process_control.history.index.past_run import Run
from process_control.history.journal_reader import of_days
from process_control.history.log_line import DROPPED, END, MAX_LINE, Line
from process_control.history.log_map import place_at
from process_control.history.log_place import BEGINNING, Place, place_before_end
from process_control.history.log_reader import ENDLESS
from process_control.history.log_rows import BOTH, At, Reading, is_compressed
from process_control.system.json_text import encode
from process_control.views.log_lines import RunLogs, log_of, missing_in_words

PAGE_ROWS = 500
#: Rows before the one that a link names.
ROWS_BEFORE = 50
#: How much of the log is read for a page at first, and at most.
FIRST_REACH, MAX_REACH = 128 << 10, 16 << 20
#: What is read behind a page to see the ends of its lines, at most.
SLACK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOfRun:
    """A log that can be shown."""

    run_id: str
    job: str
    path: str
    began: datetime | None
    secrets: Sequence[str]
    #: Whether the run is in progress.
    is_growing: bool
    #: What a reader has to know, in sentences.
    doubts: Sequence[str]

    def moment(self, line: Line) -> datetime | None:
        return None if self.began is None or line.seconds is None else self.began + timedelta(seconds=line.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a log in the order of their ends. A line belongs to the page where it begins."""

    rows: Sequence[Line]
    #: Rows before this byte are on the page before; None: there are none.
    older: int | None
    #: Rows from this byte on are on the page behind; None: this is the end, for now.
    newer: int | None
    #: At the end: how far the log was read.
    at: At | None = None
    #: At the end: rows that have not ended yet.
    begun: Sequence[Line] = ()


def log_of_run(settings: Settings, run: Run) -> LogOfRun:
    """Return the log of a run. Raises ProcessControlError when there is none, and when it cannot be masked (77)."""
    path = log_of(run, settings)
    logs = RunLogs(settings)
    secrets = logs.secrets(run.job, run.run_id, run.started_at, _noted(settings.state_directory, run))
    missing = missing_in_words(run, path)
    return LogOfRun(
        run_id=run.run_id,
        job=run.job,
        path=path,
        began=parse_iso(run.started_at),
        secrets=secrets,
        is_growing=run.outcome is None,
        doubts=[*logs.doubts, *([missing] if missing else [])],
    )


def _noted(state_directory: str, run: Run) -> object:
    """Return what the start record says of secrets; it is in the journal of the day, or of the days beside it."""
    began = parse_iso(run.started_at) or datetime.now(UTC)
    days = {f"{began + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1)}
    found = of_days(state_directory, days, needle=f'"run_id":{encode(run.run_id)}')
    starts = (each for each in found if each.get("event") == "start" and each.get("run_id") == run.run_id)
    start = next(starts, None)
    return None if start is None else start.get("secrets")


# --- pages -----------------------------------------------------------------------------------------------------------


def page_before(
    log: LogOfRun, before: int | None = None, *, streams: Sequence[str] = BOTH, count: int = PAGE_ROWS
) -> Page:
    """Return the last rows of a log, or the last that begin before a byte of it."""
    reach = FIRST_REACH
    while True:
        start = _place_before(log, before, reach)
        is_last_try = start == BEGINNING or reach >= MAX_REACH
        reading = Reading(
            log.path,
            secrets=log.secrets,
            start=start,
            stop=None if before is None else before + SLACK,
            is_growing=log.is_growing,
            most_skipped=MAX_LINE if reach >= MAX_REACH else ENDLESS,
        )
        rows, is_cut = _last_rows(reading, before, streams, count)
        if is_cut or is_last_try:
            break
        reach *= 8
    if is_cut:
        older: int | None = min(row.offset for row in rows)
    else:
        older = start.offset or None
    if before is not None:
        return Page(rows=rows, older=older, newer=before)
    begun = [row for row in reading.begun() if row.stream in streams]
    return Page(rows=rows, older=older, newer=None, at=reading.at, begun=begun)


def _place_before(log: LogOfRun, before: int | None, reach: int) -> Place:
    if is_compressed(log.path):
        return BEGINNING
    return place_before_end(log.path, reach) if before is None else place_at(log.path, before - reach)


def _last_rows(reading: Reading, before: int | None, streams: Sequence[str], count: int) -> tuple[list[Line], bool]:
    """Return the last rows that begin before a byte, and whether there were more of them."""
    heap: list[tuple[int, int, Line]] = []
    is_cut = False
    for number, row in enumerate(_rows_before(reading, before)):
        if row.stream not in streams and row.stream != DROPPED:
            continue
        entry = (row.offset, number, row)
        if len(heap) <= count:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)
    if len(heap) > count:
        first = heapq.heappop(heap)
        is_cut = True
        if heap and heap[0][0] == first[0]:  # a line begins where bytes were dropped: both are on one page
            heapq.heappush(heap, first)
    return [row for _, _, row in sorted(heap, key=lambda each: each[1])], is_cut


def _rows_before(reading: Reading, before: int | None) -> Iterator[Line]:
    for row in reading.rows():
        if before is None or row.offset < before:
            yield row
        elif reading.at.resume >= before:
            return
    if before is not None:
        yield from (row for row in reading.begun() if row.offset < before)


def page_after(log: LogOfRun, after: int, *, streams: Sequence[str] = BOTH, count: int = PAGE_ROWS) -> Page:
    """Return the first rows that begin at a byte of the log or behind it."""
    start = BEGINNING if is_compressed(log.path) else place_at(log.path, after)
    stop = None if is_compressed(log.path) else after + MAX_REACH
    reading = Reading(log.path, secrets=log.secrets, start=start, stop=stop, is_growing=log.is_growing)
    rows: list[Line] = []
    for row in reading.rows():
        if row.offset >= after and (row.stream in streams or row.stream == DROPPED):
            rows.append(row)
            if len(rows) > count:
                break
    begun = [row for row in reading.begun() if row.offset >= after and row.stream in streams]
    is_whole = len(rows) <= count and (stop is None or reading.position < stop)
    if is_whole:
        return Page(rows=rows, older=after or None, newer=None, at=reading.at, begun=begun)
    if len(rows) <= count:
        return Page(rows=rows, older=after or None, newer=reading.position)
    inner = sorted(range(len(rows)), key=lambda number: (rows[number].offset, number))
    newer = rows[inner[count]].offset
    kept = [row for row in [*rows, *begun] if row.offset < newer]
    return Page(rows=kept, older=after or None, newer=newer)


def page_around(log: LogOfRun, offset: int, *, streams: Sequence[str] = BOTH) -> Page:
    """Return rows before and behind a byte of the log."""
    before = page_before(log, offset, streams=streams, count=ROWS_BEFORE)
    behind = page_after(log, offset, streams=streams, count=PAGE_ROWS - ROWS_BEFORE)
    rows = [*before.rows, *behind.rows]
    return Page(rows=rows, older=before.older, newer=behind.newer, at=behind.at, begun=behind.begun)


# --- one line, and what comes ----------------------------------------------------------------------------------------


def whole_line(log: LogOfRun, offset: int) -> Iterator[Line]:
    """Yield the line that begins at a byte of the log, in pieces."""
    start = BEGINNING if is_compressed(log.path) else place_at(log.path, offset)
    reading = Reading(log.path, secrets=log.secrets, start=start, is_growing=log.is_growing)
    stream = None
    for line in reading.lines():
        if stream is None and line.offset == offset and line.stream != DROPPED:
            stream = line.stream
        if stream is None and line.offset > offset + SLACK:
            return
        if line.stream == DROPPED and stream is not None:
            return
        if line.stream == stream:
            yield line
            if line.ends:
                return
    if stream is None:
        yield from (line for line in reading.begun() if line.offset == offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What has come behind a place of a log."""

    before: At
    at: At
    rows: Sequence[Line]
    begun: Sequence[Line]
    #: Bytes that are too many to be shown one after the other.
    left_out: int = 0


#: Of a log at once, and how far somebody may be behind who gets all of it.
NEWS_BYTES, MAX_BEHIND = 64 << 10, 4 << 20


def news_of(log: LogOfRun, at: At, *, is_growing: bool, stop: int | None = None) -> News:
    """Return the next rows behind a place, up to byte `stop`. Raises OSError when the log is gone."""
    behind = os.stat(log.path).st_size - at.position
    if behind > MAX_BEHIND:
        near = At(at.position + behind - 2 * NEWS_BYTES, at.position + behind - 2 * NEWS_BYTES)
        return News(before=at, at=near, rows=(), begun=(), left_out=near.position - at.position)
    reading = Reading(
        log.path,
        secrets=log.secrets,
        after=at,
        stop=min(at.position + NEWS_BYTES, END if stop is None else stop),
        is_growing=is_growing,
    )
    rows = list(reading.rows())
    return News(before=at, at=reading.at, rows=rows, begun=reading.begun())
