"""Finds places near the end of a log by its index, however long both are.

A short index is read from its beginning. Of a long one only the end is read: then its last entry is taken to end where
the log ends.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from process_control.history.log_line import DROPPED, STDERR, STDOUT
from process_control.system.plain_file import open_plain

#: An index up to this size is read as a whole.
SHORT_INDEX_BYTES = 1 << 20
BLOCK_BYTES = 64 << 10
#: Of a time in microseconds: thirty years.
MAX_DIGITS = 15
MAX_ENTRY_BYTES = 64
BOTH = frozenset({STDOUT, STDERR})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a log, and in its index."""

    #: in the log
    offset: int = 0
    #: in the index, of the entry that covers the place
    index_offset: int = 0
    #: how many bytes of that entry lie before the place
    inside: int = 0
    #: of the entry before, since the start of the run
    seconds: float | None = None
    #: the streams of which a line has begun before
    begun: frozenset[str] = frozenset()
    #: the streams of which that is not known
    unsure: frozenset[str] = frozenset()
    #: the streams of which bytes were dropped before, and nothing has come since: the end of a secret may come next
    gaps: frozenset[str] = frozenset()


BEGINNING = Place()


@dataclass(slots=True)
class _Entry:
    index_offset: int
    seconds: float
    stream: str
    length: int
    #: in the log
    offset: int = 0


@dataclass(slots=True)
class _Tail:
    """The last entries of an index, and the last bytes of the log that none of them covers."""

    entries: list[_Entry] = field(default_factory=list)
    index_end: int = 0
    covered: int = 0


def entry(line: bytes) -> tuple[int, str, int] | None:
    """Return (microseconds, stream, length) of a line of an index; None for an invalid one."""
    words = line.split()
    if len(words) != 3 or not line.endswith(b"\n") or words[1] not in (b"o", b"e", b"x"):
        return None
    if not (words[0].isdigit() and words[2].isdigit() and len(words[0]) <= MAX_DIGITS and len(line) < MAX_ENTRY_BYTES):
        return None
    return int(words[0]), words[1].decode("ascii"), int(words[2])


def place_before_end(path: str, reach: int) -> Place:
    """Return a place that lies `reach` bytes before the end of the log, or up to an entry earlier; or its beginning.

    Raises FileNotFoundError when the log is gone, but not for its index.
    """
    with open_plain(path) as log:
        try:
            index = open_plain(path + ".idx")
        except OSError:
            return _place(log, _Tail(), os.fstat(log.fileno()).st_size, reach)
        with index:
            if os.fstat(index.fileno()).st_size <= SHORT_INDEX_BYTES:
                return _place(log, _whole(index), os.fstat(log.fileno()).st_size, reach)
            tail = _end_of(index, log, reach)
            return BEGINNING if tail is None else _place(log, tail, tail.covered, reach)


def _whole(index: BinaryIO) -> _Tail:
    tail = _Tail()
    for line in index:
        found = entry(line)
        if found is None:
            break
        microseconds, stream, length = found
        tail.entries.append(_Entry(tail.index_end, microseconds / 1e6, stream, length, tail.covered))
        tail.index_end += len(line)
        tail.covered += 0 if stream == DROPPED else length
    return tail


def _end_of(index: BinaryIO, log: BinaryIO, reach: int) -> _Tail | None:
    """Return the entries of the last `reach` bytes, and some before. None when the end of the index is not in order."""
    end, size = _sizes(index, log)
    rest, at, bytes_found, read = b"", end, 0, 0
    entries: list[_Entry] = []
    while at and (bytes_found <= reach or read < BLOCK_BYTES):
        begin = max(0, at - BLOCK_BYTES)
        block = os.pread(index.fileno(), at - begin, begin) + rest
        read += at - begin
        first = 0 if begin == 0 else block.find(b"\n") + 1
        rest, at = block[:first], begin
        found = _entries(block[first:], begin + first)
        if found is None:
            return None
        entries = found + entries
        bytes_found += sum(each.length for each in found if each.stream != DROPPED)
    offset = size
    for each in reversed(entries):
        offset -= 0 if each.stream == DROPPED else each.length
        each.offset = offset
    if offset < 0 or (not at and offset):
        return None
    return _Tail(entries, end, size)


def _sizes(index: BinaryIO, log: BinaryIO) -> tuple[int, int]:
    """Return the sizes of index and log at one moment. The log is written first: its index follows."""
    while True:
        before = os.fstat(index.fileno()).st_size
        size = os.fstat(log.fileno()).st_size
        time.sleep(0.002)
        if (os.fstat(index.fileno()).st_size, os.fstat(log.fileno()).st_size) == (before, size):
            return before, size


def _entries(text: bytes, index_offset: int) -> list[_Entry] | None:
    """Return the entries of a part of the index; None when one of them is invalid."""
    entries = []
    for line in text.splitlines(keepends=True):
        found = entry(line)
        if found is None:
            return None
        microseconds, stream, length = found
        entries.append(_Entry(index_offset, microseconds / 1e6, stream, length))
        index_offset += len(line)
    return entries


def _place(log: BinaryIO, tail: _Tail, size: int, reach: int) -> Place:
    wanted = size - reach
    if wanted <= 0:
        return BEGINNING
    if wanted >= tail.covered:
        seconds = tail.entries[-1].seconds if tail.entries else None
        return Place(wanted, tail.index_end, 0, seconds, *_begun(log, tail.entries, here=(STDOUT, wanted)))
    for number in range(len(tail.entries) - 1, -1, -1):
        each = tail.entries[number]
        if each.offset <= wanted and each.stream != DROPPED:
            inside = wanted - each.offset
            here = (each.stream, wanted) if inside else None
            return Place(wanted, each.index_offset, inside, each.seconds, *_begun(log, tail.entries[:number], here))
    return BEGINNING


def _begun(
    log: BinaryIO, before: Iterable[_Entry], here: tuple[str, int] | None
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the streams of which a line has begun, those of which that is not known, and those with a gap before.

    `before` are the entries before the place. `here` is the stream in which the place is, and where.
    """
    ends: dict[str, int] = {} if here is None else {here[0]: here[1]}
    entries = list(before)
    for each in reversed(entries):
        if each.stream == DROPPED:
            for stream in BOTH:
                ends.setdefault(stream, -1)
        elif each.length:
            ends.setdefault(each.stream, each.offset + each.length)
        if len(ends) == len(BOTH):
            break
    begun = {stream for stream, end in ends.items() if end > 0 and os.pread(log.fileno(), 1, end - 1) != b"\n"}
    is_first = not entries or entries[0].index_offset == 0
    gaps = frozenset(stream for stream, end in ends.items() if end < 0)
    return frozenset(begun), frozenset() if is_first else BOTH - ends.keys(), gaps


def place_of_time(path: str, seconds: float) -> Place:
    """Return the place of the first entry of the index that is not older than `seconds` since the start of the run.

    Where there is none, the end of what the index covers. Raises FileNotFoundError when the log is gone.
    """
    offset = index_offset = 0
    last: float | None = None
    ends: dict[str, int] = {}
    with open_plain(path) as log:
        try:
            index = open_plain(path + ".idx")
        except OSError:
            return BEGINNING
        with index:
            for line in index:
                found = entry(line)
                if found is None or found[0] / 1e6 >= seconds:
                    break
                last = found[0] / 1e6
                index_offset += len(line)
                if found[1] == DROPPED:
                    ends.clear()
                else:
                    offset += found[2]
                    ends[found[1]] = offset
        begun = {stream for stream, end in ends.items() if os.pread(log.fileno(), 1, end - 1) != b"\n"}
    return Place(offset, index_offset, 0, last, frozenset(begun))
