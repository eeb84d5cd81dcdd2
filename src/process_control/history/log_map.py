"""Finds the place of any byte of a log, however long it is, and the stream of each part: its index is read once."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import BinaryIO

from process_control.history.log_line import DROPPED, STDERR, STDOUT
from process_control.history.log_place import BEGINNING, MAX_ENTRY_BYTES, Place, entry
from process_control.system.plain_file import open_plain

#: Bytes of the index between two marks.
STEP_BYTES = 16 << 10
#: Logs whose marks are remembered: those that somebody looks at.
MAX_LOGS = 64
AFTER_A_DROP = -1
_ENTRIES = re.compile(rb"(?:[0-9]{1,15} [oex] [0-9]{1,44}\n)+")


@dataclass(frozen=True, slots=True)
class Mark:
    """The beginning of an entry, or the end of the index."""

    index_offset: int = 0
    #: in the log
    offset: int = 0
    #: of the entry before
    seconds: float | None = None
    #: in the log, where the last bytes of each stream end; 0: there are none; AFTER_A_DROP: some are missing behind
    stdout_end: int = 0
    stderr_end: int = 0

    def behind(self, size: int, microseconds: int, stream: str, length: int) -> "Mark":
        """Return the mark behind an entry, which takes `size` bytes of the index."""
        index_offset, seconds = self.index_offset + size, microseconds / 1e6
        if stream == DROPPED:
            return Mark(index_offset, self.offset, seconds, AFTER_A_DROP, AFTER_A_DROP)
        end = self.offset + length
        if stream == STDOUT:
            return Mark(index_offset, end, seconds, end if length else self.stdout_end, self.stderr_end)
        return Mark(index_offset, end, seconds, self.stdout_end, end if length else self.stderr_end)

    def place(self, log: BinaryIO, offset: int, inside_of: str | None) -> Place:
        """Return the place of a byte. `inside_of`: the stream that the byte before it belongs to, if that is known."""
        stdout_end = offset if inside_of == STDOUT else self.stdout_end
        stderr_end = offset if inside_of == STDERR else self.stderr_end
        ends = ((STDOUT, stdout_end), (STDERR, stderr_end))
        begun = {stream for stream, end in ends if end > 0 and os.pread(log.fileno(), 1, end - 1) != b"\n"}
        gaps = {stream for stream, end in ends if end == AFTER_A_DROP}
        inside = 0 if inside_of is None else offset - self.offset
        return Place(offset, self.index_offset, inside, self.seconds, frozenset(begun), gaps=frozenset(gaps))


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive bytes of one stream in the log, of DROPPED none."""

    stream: str
    begin: int
    end: int


class LogMap:
    """Where in a log the entries of its index are: a mark for each step. It grows with the index."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._marks = [Mark()]
        self._offsets = [0]
        #: The streams between each mark and the next one.
        self._streams: list[frozenset[str]] = []

    @property
    def is_in_use(self) -> bool:
        return self._lock.locked()

    def before(self, index: BinaryIO, offset: int) -> Mark:
        """Return the last known mark that is before a byte of the log."""
        with self._lock:
            return self._marks[self._step_before(index, offset)]

    def spans(self, index: BinaryIO, begin: int, end: int) -> Iterator[Span]:
        """Yield the spans of a part of the log, of each step those of one stream as one."""
        with self._lock:
            first = self._step_before(index, begin)
            self._step_before(index, end)
            marks, streams = self._marks[first:], self._streams[first:]
        for number, mark in enumerate(marks):
            if mark.offset >= end:
                return
            of_step = streams[number] if number < len(streams) else None
            if of_step is not None and len(of_step) == 1 and DROPPED not in of_step:
                yield from _within(Span(next(iter(of_step)), mark.offset, marks[number + 1].offset), begin, end)
                continue
            until = marks[number + 1].index_offset if of_step is not None else None
            for behind, stream in _marks_from(index, mark):
                yield from _within(Span(stream, mark.offset, behind.offset), begin, end)
                mark = behind
                if mark.index_offset == until or mark.offset > end:
                    break
        if mark.offset < end:  # not in the index
            yield from _within(Span(STDOUT, mark.offset, end), begin, end)

    def _step_before(self, index: BinaryIO, offset: int) -> int:
        while self._offsets[-1] < offset:
            found = _step(index, self._marks[-1])
            if found is None:
                break
            mark, streams = found
            self._marks.append(mark)
            self._offsets.append(mark.offset)
            self._streams.append(streams)
        place = bisect_right(self._offsets, offset - 1) - 1  # before: something may have been dropped there
        return max(0, place)


def _within(span: Span, begin: int, end: int) -> Iterator[Span]:
    """Yield the piece of a span that lies in a part of the log, if any does."""
    if span.stream == DROPPED:
        if begin <= span.begin < end:
            yield span
    elif span.begin < end and span.end > begin:
        yield Span(span.stream, max(span.begin, begin), min(span.end, end))


def _step(index: BinaryIO, mark: Mark) -> tuple[Mark, frozenset[str]] | None:
    """Return the mark one step behind another one, and the streams between; None while the index has no whole step."""
    block = os.pread(index.fileno(), STEP_BYTES + MAX_ENTRY_BYTES, mark.index_offset)
    size = block.find(b"\n", STEP_BYTES - 1) + 1
    if not size or not _ENTRIES.fullmatch(block, 0, size):
        return None
    words = block[:size].split()
    streams = frozenset(word.decode() for word in set(words[1::3]))
    if len(streams) == 1 and DROPPED not in streams:  # many entries, at once
        length = sum(map(int, words[2::3]))
        return mark.behind(size, int(words[-3]), words[-2].decode(), length), streams
    for at, stream, length_of_it in zip(words[::3], words[1::3], words[2::3], strict=True):
        mark = mark.behind(len(at) + len(length_of_it) + 4, int(at), stream.decode(), int(length_of_it))
    return mark, streams


@lru_cache(maxsize=MAX_LOGS)
def _map_of(_path: str, _inode: int) -> LogMap:
    return LogMap()


def leave_others_maps(path: str) -> None:
    """Make ready for a process that was forked while other threads ran: what one of them held stays held."""
    try:
        inode = os.stat(f"{path}.idx").st_ino
    except OSError:
        return
    if _map_of(path, inode).is_in_use:
        _map_of.cache_clear()


def spans(path: str, begin: int, end: int) -> list[Span]:
    """Return the spans of a part of a log that is not compressed, neighbours of one stream as one."""
    try:
        index = open_plain(f"{path}.idx")
    except OSError:
        return [Span(STDOUT, begin, end)]
    found: list[Span] = []
    with index:
        for span in _map_of(path, os.fstat(index.fileno()).st_ino).spans(index, begin, end):
            last = found[-1] if found else None
            if last is not None and last.stream == span.stream != DROPPED and last.end == span.begin:
                found[-1] = Span(span.stream, last.begin, span.end)
            else:
                found.append(span)
    return found


def place_at(path: str, offset: int) -> Place:
    """Return the place of a byte of a log that is not compressed. Raises FileNotFoundError when the log is gone."""
    with open_plain(path) as log:
        offset = min(offset, os.fstat(log.fileno()).st_size)
        if offset <= 0:
            return BEGINNING
        try:
            index = open_plain(f"{path}.idx")
        except OSError:
            return Mark().place(log, offset, STDOUT)
        with index:
            mark = _map_of(path, os.fstat(index.fileno()).st_ino).before(index, offset)
            dropped: Mark | None = None
            for behind, stream in _marks_from(index, mark):
                if behind.offset > offset:
                    if offset > mark.offset:
                        return replace(mark, seconds=behind.seconds).place(log, offset, stream)
                    break
                if stream == DROPPED and mark.offset == offset:
                    dropped = dropped or mark  # what was dropped here lies behind the place
                mark = behind
            found = dropped or mark
            return found.place(log, offset, STDOUT if offset > found.offset else None)


def first_gap(path: str) -> int | None:
    """Return the byte of a log before which output was dropped first; None when there is no such place.

    Raises OSError when its index is gone.
    """
    with open_plain(f"{path}.idx") as index:
        for mark, stream in _marks_from(index, Mark()):
            if stream == DROPPED:
                return mark.offset
    return None


def _marks_from(index: BinaryIO, mark: Mark) -> Iterator[tuple[Mark, str]]:
    """Yield the marks behind the entries from a mark on, and the stream of each entry."""
    index.seek(mark.index_offset)
    for line in index:
        found = entry(line)
        if found is None:
            return
        mark = mark.behind(len(line), *found)
        yield mark, found[1]
