"""The lines of a log that match a regex, with the lines around them: from its end back, or forward from a byte of it.

The log is searched window by window. A line belongs to the window where it begins. All results are plain JSON values.
"""

import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from process_control.history.log_line import DROPPED, END, MAX_LINE, Line
from process_control.history.log_map import leave_others_maps, place_at
from process_control.history.log_place import BEGINNING
from process_control.history.log_rows import Reading, is_compressed
from process_control.history.log_scan import Scan, Window
from process_control.views.log_lines import Printed
from process_control.views.log_pages import LogOfRun
from process_control.views.log_search import Search

WINDOW_BYTES = 2 << 20
#: What is read behind a window to see the ends of its lines.
SLACK = 256 << 10
#: What is read before a part to see the lines before a hit.
MARGIN = 16 << 10
MAX_HITS, CONTEXT = 50, 2
MAX_TEXT_BYTES = 8 << 20
#: Of a line beside a hit.
MAX_TEXT = 4096
#: How long is searched on when something, and when nothing was found.
FOUND_SECONDS, SECONDS = 2.0, 8.0

Found = dict[str, Any]


class LogSearch:
    """A search of one log."""

    def __init__(self, log: LogOfRun, regex: str, streams: Sequence[str], *, window_bytes: int = WINDOW_BYTES) -> None:
        """Compile the regex. Raises UsageError (2) for what is none."""
        self._log, self._path, self._streams = log, log.path, streams
        self._window_bytes = window_bytes
        self._is_compressed = is_compressed(log.path)
        self._search = Search(regex)
        self._scan = Scan(
            log.path,
            self._search.in_block,
            needles=self._search.needles,
            streams=streams,
            secrets=log.secrets,
        )
        self._began = time.monotonic()
        leave_others_maps(self._path)

    def back(self, before: int | None) -> Found:
        """Search from the end back, or from a byte. Raises UsageError (2) for a slow regex, OSError without a log."""
        size = os.stat(self._path).st_size
        end = size if before is None else min(size, before)
        hits: deque[Found] = deque()
        while end > 0 and len(hits) < MAX_HITS and not self._is_over(bool(hits)):
            window = Window(0 if self._is_compressed else max(0, end - self._window_bytes), end)
            end = window.begin
            for part in reversed(self._parts(window)):
                hits.extendleft(reversed(self._hits_in(self._reading(part, size, margin=MARGIN), part, CONTEXT)))
                if len(hits) >= MAX_HITS:
                    end = part.begin
                    break
        while len(hits) > MAX_HITS:
            hits.popleft()
            end = _offset(hits[0])
        return self._answer(list(hits), end, is_all=end == 0)

    def forward(self, after: int, limit: int) -> Found:
        """Search the lines that begin at a byte or behind it, for so many hits. Raises the same."""
        hits: list[Found] = []
        begin, size = after, os.stat(self._path).st_size
        while True:
            is_last = self._is_compressed or begin + self._window_bytes >= size
            edge = size if is_last else begin + self._window_bytes
            window = Window(begin, END if self._is_compressed else edge)
            for part in [window] if is_last and self._log.is_growing else self._parts(window):
                reading = self._reading(part, size)
                hits += self._hits_in(reading, part, context=0)
                if is_last and self._log.is_growing:
                    edge = _edge(reading)
                if len(hits) > limit:
                    break
            kept = _first(hits, limit)
            if kept < len(hits):
                return self._answer(hits[:kept], _offset(hits[kept - 1]) + 1, is_all=False)
            if is_last or kept >= limit or self._is_over(bool(hits)):
                return self._answer(hits, edge, is_all=is_last)
            begin = edge

    def _answer(self, hits: list[Found], edge: int, *, is_all: bool) -> Found:
        return {"hits": hits, "edge": edge, "is_all": is_all, "unsearched": self._search.unsearched}

    def _is_over(self, has_hits: bool) -> bool:
        return time.monotonic() - self._began > (FOUND_SECONDS if has_hits else SECONDS)

    def _parts(self, window: Window) -> list[Window]:
        """Return the parts of a window where lines may match; all of it when that is not known."""
        if self._is_compressed or not self._search.takes_blocks:
            return [window]
        return self._scan.parts(window)

    def _reading(self, part: Window, size: int, *, margin: int = 0) -> Reading:
        begin = part.begin - margin
        return Reading(
            self._path,
            streams=self._streams,
            secrets=self._log.secrets,
            start=BEGINNING if begin <= 0 or self._is_compressed else place_at(self._path, begin),
            stop=None if part.end >= size else part.end + SLACK,
            is_growing=self._log.is_growing,
            most_skipped=MAX_LINE,
        )

    def _hits_in(self, reading: Reading, part: Window, context: int) -> list[Found]:
        """Return the lines that match and begin within a part of the log, each with the lines around it."""
        found: list[Found] = []
        before: deque[Line] = deque(maxlen=context)
        waiting: list[Found] = []
        for line in reading.lines():
            if line.stream == DROPPED:
                continue
            for hit in waiting:
                hit["after"].append(_as_json(line, MAX_TEXT))
            waiting = [hit for hit in waiting if len(hit["after"]) < context]
            if part.begin <= line.offset < part.end and self._matches(line):
                around = [_as_json(each, MAX_TEXT) for each in before]
                found.append({"line": _as_json(line), "before": around, "after": []})
                waiting += found[-1:] if context else []
            before.append(line)
            if line.offset >= part.end and not waiting and reading.at.resume >= part.end:
                break
        return sorted(found, key=_offset)

    def _matches(self, line: Line) -> bool:
        return any(self._search.matching(iter([Printed("", "", None, line)])))


def _offset(hit: Found) -> int:
    return int(hit["line"]["offset"])


def _edge(reading: Reading) -> int:
    """Return from where on a search is continued when the log has grown; of a long line some is searched again."""
    return reading.at.resume if reading.is_between_lines else max(0, reading.position - 2 * MAX_LINE)


def _first(hits: Sequence[Found], limit: int) -> int:
    """Return how many hits are one answer."""
    size = 0
    for number, hit in enumerate(hits[:limit]):
        size += len(hit["line"]["text"])
        if size > MAX_TEXT_BYTES:
            return number + 1
    return min(limit, len(hits))


def _as_json(line: Line, most: int = MAX_LINE) -> Found:
    text = line.text if len(line.text) <= most else line.shown[:most]
    return {
        "offset": line.offset,
        "seconds": line.seconds,
        "stream": line.stream,
        "text": text.decode("latin-1"),
        "ends": line.ends and len(text) == len(line.text),
    }
