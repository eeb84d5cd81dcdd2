"""Searches one log from its end back, in a process of its own: a regex that explodes must not hold the page up.

What to search comes as JSON by stdin, what was found goes as JSON to stdout. Each window of the log is read forward.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from process_control.errors import ProcessControlError
from process_control.history.log_line import DROPPED, MAX_LINE, Line
from process_control.history.log_map import place_at
from process_control.history.log_place import BEGINNING, Place, place_before_end
from process_control.history.log_rows import Reading, is_compressed
from process_control.system.plain_file import open_plain
from process_control.views.log_lines import Printed
from process_control.views.log_search import Search

WINDOW_BYTES, BLOCK_BYTES = 4 << 20, 1 << 20
#: What is read behind a window to see the ends of its lines.
SLACK = 256 << 10
MAX_HITS, CONTEXT = 50, 2
MAX_TEXT = 4096
#: How long is searched on when something, and when nothing was found.
FOUND_SECONDS, SECONDS = 2.0, 8.0

Found = dict[str, Any]


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read())
    try:
        answer = _search(asked)
    except ProcessControlError as error:
        fault = error.faults[0]
        answer = {"error": fault.what, "hint": fault.hint or ""}
    except OSError as error:
        answer = {"error": f"the log cannot be read: {error.strerror}", "hint": ""}
    sys.stdout.write(json.dumps(answer))


def _search(asked: Found) -> Found:
    search, path, began = Search(asked["regex"]), asked["path"], time.monotonic()
    size = os.stat(path).st_size
    end = size if asked["before"] is None else min(size, asked["before"])
    hits: deque[Found] = deque()
    while end > 0:
        begin = 0 if is_compressed(path) else max(0, end - WINDOW_BYTES)
        is_last = end == size
        if not _may_have(path, begin, end, search.needles, asked):
            end = begin
        else:
            start = _place(path, begin, size if is_last else None)
            found = list(_hits_in(search, asked, start, end, is_last=is_last or is_compressed(path)))
            hits.extendleft(reversed(found[-MAX_HITS:]))
            end = start.offset
        seconds = time.monotonic() - began
        if len(hits) >= MAX_HITS or seconds > (FOUND_SECONDS if hits else SECONDS):
            break
    while len(hits) > MAX_HITS:
        hits.popleft()
        end = hits[0]["offset"]
    return {"hits": list(hits), "searched_from": end, "unsearched": search.unsearched}


def _place(path: str, begin: int, size: int | None) -> Place:
    if begin <= 0:
        return BEGINNING
    return place_at(path, begin) if size is None else place_before_end(path, size - begin)


def _may_have(path: str, begin: int, end: int, needles: tuple[bytes, ...], asked: Found) -> bool:
    """Return whether one of the needles may be in a part of the log. Nothing is left out when that is not sure."""
    if not needles or is_compressed(path) or asked["has_two_streams"]:
        return True
    longest = max(map(len, needles))
    with open_plain(path) as log:
        at, last = begin, b""
        while at < end + longest:
            data = os.pread(log.fileno(), BLOCK_BYTES, at)
            if not data:
                return False
            if any(needle in data or needle in last + data[:longest] for needle in needles):
                return True
            last, at = data[-longest:], at + len(data)
    return False


def _hits_in(search: Search, asked: Found, start: Place, end: int, *, is_last: bool) -> Iterator[Found]:
    """Yield the lines that match and begin before `end`, each with the lines around it."""
    reading = Reading(
        asked["path"],
        secrets=asked["secrets"],
        start=start,
        stop=None if is_last else end + SLACK,
        is_growing=asked["is_growing"],
        most_skipped=MAX_LINE,
    )
    before: deque[Line] = deque(maxlen=CONTEXT)
    waiting: list[Found] = []
    for line in reading.lines():
        if line.stream == DROPPED or line.stream not in asked["streams"]:
            continue
        for hit in waiting:
            hit["after"].append(_as_json(line))
        for hit in [hit for hit in waiting if len(hit["after"]) >= CONTEXT]:
            waiting.remove(hit)
            yield hit
        if line.offset < end and any(search.matching(iter([Printed("", "", None, line)]))):
            waiting.append({**_as_json(line), "before": [_as_json(each) for each in before], "after": []})
        before.append(line)
        if line.offset >= end and not waiting:
            break
    yield from waiting


def _as_json(line: Line) -> Found:
    text = line.text if len(line.text) <= MAX_TEXT else line.shown[:MAX_TEXT]
    return {
        "offset": line.offset,
        "seconds": line.seconds,
        "stream": line.stream,
        "text": text.decode("latin-1"),
        "is_cut": len(text) < len(line.text) or not line.ends,
    }
