"""The lines of a log that match a regex, with the lines around them: from its end back, or forward from a byte of it.

The log is searched window by window. A line belongs to the window where it begins. All results are plain JSON values.
"""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from process_control.history.log_line import DROPPED, END, MAX_LINE, Line
from process_control.history.log_map import place_at
from process_control.history.log_place import BEGINNING, Place, place_before_end
from process_control.history.log_rows import Reading, is_compressed
from process_control.system.plain_file import open_plain
from process_control.views.log_lines import Printed
from process_control.views.log_pages import LogOfRun
from process_control.views.log_search import Search

WINDOW_BYTES, BLOCK_BYTES = 4 << 20, 1 << 20
#: What is read behind a window to see the ends of its lines.
SLACK = 256 << 10
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
        self._began = time.monotonic()

    def back(self, before: int | None) -> Found:
        """Search from the end back, or from a byte. Raises UsageError (2) for a slow regex, OSError without a log."""
        size = os.stat(self._path).st_size
        end = size if before is None else min(size, before)
        hits: deque[Found] = deque()
        while end > 0:
            begin = 0 if self._is_compressed else max(0, end - self._window_bytes)
            if not self._may_have(begin, end):
                end = begin
            else:
                is_last = end == size
                start = _place(self._path, begin, size if is_last else None)
                reading = self._reading(start, end, is_last=is_last)
                found = sorted(self._hits(reading, start.offset, end, context=CONTEXT), key=_offset)
                hits.extendleft(reversed(found[-MAX_HITS:]))
                end = start.offset
            if len(hits) >= MAX_HITS or self._is_over(bool(hits)):
                break
        while len(hits) > MAX_HITS:
            hits.popleft()
            end = _offset(hits[0])
        return self._answer(list(hits), end, is_all=end == 0)

    def forward(self, after: int, limit: int) -> Found:
        """Search the lines that begin at a byte or behind it, for so many hits. Raises the same."""
        hits: list[Found] = []
        begin, edge = after, after
        while True:
            size = os.stat(self._path).st_size
            is_last = self._is_compressed or begin + self._window_bytes >= size
            end = END if is_last else begin + self._window_bytes
            edge = end
            if is_last or self._may_have(begin, end):
                reading = self._reading(_place(self._path, begin, None), end, is_last=is_last)
                hits += sorted(self._hits(reading, begin, end, context=0), key=_offset)
                edge = _edge(reading) if is_last else end
            kept = _first(hits, limit)
            if kept < len(hits):
                return self._answer(hits[:kept], _offset(hits[kept - 1]) + 1, is_all=False)
            if is_last or kept >= limit or self._is_over(bool(hits)):
                return self._answer(hits, edge, is_all=is_last)
            begin = end

    def _answer(self, hits: list[Found], edge: int, *, is_all: bool) -> Found:
        return {"hits": hits, "edge": edge, "is_all": is_all, "unsearched": self._search.unsearched}

    def _is_over(self, has_hits: bool) -> bool:
        return time.monotonic() - self._began > (FOUND_SECONDS if has_hits else SECONDS)

    def _may_have(self, begin: int, end: int) -> bool:
        """Return whether one of the needles may be in a part of the log. Nothing is left out when that is not sure."""
        needles = self._search.needles
        if not needles or self._is_compressed or self._log.has_two_streams:
            return True
        longest = max(map(len, needles))
        with open_plain(self._path) as log:
            at, last = begin, b""
            while at < end + longest:
                data = os.pread(log.fileno(), BLOCK_BYTES, at)
                if not data:
                    return False
                if any(needle in data or needle in last + data[:longest] for needle in needles):
                    return True
                last, at = data[-longest:], at + len(data)
        return False

    def _reading(self, start: Place, end: int, *, is_last: bool) -> Reading:
        return Reading(
            self._path,
            streams=self._streams,
            secrets=self._log.secrets,
            start=start,
            stop=None if is_last or self._is_compressed else end + SLACK,
            is_growing=self._log.is_growing,
            most_skipped=MAX_LINE,
        )

    def _hits(self, reading: Reading, begin: int, end: int, *, context: int) -> Iterator[Found]:
        """Yield the lines that match and begin within a part of the log, each with the lines around it."""
        before: deque[Line] = deque(maxlen=context)
        waiting: list[Found] = []
        for line in reading.lines():
            if line.stream == DROPPED:
                continue
            for hit in waiting:
                hit["after"].append(_as_json(line, MAX_TEXT))
            for hit in [hit for hit in waiting if len(hit["after"]) >= context]:
                waiting.remove(hit)
                yield hit
            if begin <= line.offset < end and any(self._search.matching(iter([Printed("", "", None, line)]))):
                around = [_as_json(each, MAX_TEXT) for each in before]
                waiting.append({"line": _as_json(line), "before": around, "after": []})
            before.append(line)
            if line.offset >= end and not waiting and reading.at.resume >= end:
                break
        yield from waiting


def _place(path: str, begin: int, size: int | None) -> Place:
    if begin <= 0 or is_compressed(path):
        return BEGINNING
    return place_at(path, begin) if size is None else place_before_end(path, size - begin)


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
