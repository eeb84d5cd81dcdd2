"""Finds the place of any byte of a log, however long it is: its index is read once, and remembered in steps."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import BinaryIO

from process_control.history.log_line import DROPPED, STDERR, STDOUT
from process_control.history.log_place import BEGINNING, Place, entry
from process_control.system.plain_file import open_plain

#: Bytes of the index between two marks.
STEP_BYTES = 16 << 10
#: Logs whose marks are remembered: those that somebody looks at.
MAX_LOGS = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """The beginning of an entry, or the end of the index."""

    index_offset: int = 0
    #: in the log
    offset: int = 0
    #: of the entry before
    seconds: float | None = None
    #: in the log, where the last bytes of each stream end; 0: there are none, or some were dropped behind them
    stdout_end: int = 0
    stderr_end: int = 0

    def behind(self, size: int, microseconds: int, stream: str, length: int) -> "Mark":
        """Return the mark behind an entry, which takes `size` bytes of the index."""
        index_offset, seconds = self.index_offset + size, microseconds / 1e6
        if stream == DROPPED:
            return Mark(index_offset, self.offset, seconds)
        end = self.offset + length
        if stream == STDOUT:
            return Mark(index_offset, end, seconds, end if length else self.stdout_end, self.stderr_end)
        return Mark(index_offset, end, seconds, self.stdout_end, end if length else self.stderr_end)

    def place(self, log: BinaryIO, offset: int, inside_of: str | None) -> Place:
        """Return the place of a byte. `inside_of`: the stream that the byte before it belongs to, if that is known."""
        stdout_end = offset if inside_of == STDOUT else self.stdout_end
        stderr_end = offset if inside_of == STDERR else self.stderr_end
        ends = ((STDOUT, stdout_end), (STDERR, stderr_end))
        begun = {stream for stream, end in ends if end and os.pread(log.fileno(), 1, end - 1) != b"\n"}
        inside = 0 if inside_of is None else offset - self.offset
        return Place(offset, self.index_offset, inside, self.seconds, frozenset(begun))


class LogMap:
    """Where in a log the entries of its index are: a mark for each step. It grows with the index."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._marks = [Mark()]
        self._offsets = [0]

    def before(self, index: BinaryIO, offset: int) -> Mark:
        """Return the last known mark that is before a byte of the log."""
        with self._lock:
            if self._offsets[-1] < offset:
                self._grow(index, offset)
            place = bisect_right(self._offsets, offset - 1) - 1  # before: something may have been dropped there
            return self._marks[max(0, place)]

    def _grow(self, index: BinaryIO, offset: int) -> None:
        last = self._marks[-1]
        next_mark = last.index_offset + STEP_BYTES
        for mark, _ in _marks_from(index, last):
            if mark.index_offset >= next_mark:
                self._marks.append(mark)
                self._offsets.append(mark.offset)
                next_mark = mark.index_offset + STEP_BYTES
                if mark.offset >= offset:
                    return


@lru_cache(maxsize=MAX_LOGS)
def _map_of(_path: str, _inode: int) -> LogMap:
    return LogMap()


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
