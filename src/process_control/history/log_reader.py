"""Reads the log of a run, with the times and streams of its index, in bounded memory.

Each line of the index (`<log>.idx`) has microseconds since the start, the stream (`o`, `e`), and a number of bytes; `x`
means that so many bytes were dropped here. What the index does not cover (it may be torn) counts as stdout. A log that
somebody compressed (`<log>.gz`) is read as well, from its beginning.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from process_control.core import layout
from process_control.history.compressed_day import decompressed
from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line, Lines
from process_control.history.log_place import BEGINNING, Place, entry, place_before_end
from process_control.system.plain_file import open_plain

CHUNK_BYTES = 256 << 10
LAST_BYTES = 256 << 10
#: Each further look for the last lines takes so much more of the log.
LOOK_FURTHER = 16
GZIP = ".gz"
#: What a run writes to its log before it writes to the index, at most.
MAX_CHUNK_BYTES = 1 << 20
ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one stream in the log."""

    #: since the start of the run; None: not in the index
    seconds: float | None
    #: STDOUT, STDERR or DROPPED
    stream: str
    #: in the log
    offset: int
    #: in bytes; of DROPPED they are not in the log
    length: int


def current_path(path: str, output_directory: str) -> str:
    """Return the present path of a recorded log: its old one, or below `output_directory` if it was moved there."""
    moved = layout.log_here(output_directory, path)
    places = (path, moved, path + GZIP, moved + GZIP)
    return next((place for place in places if os.path.exists(place)), path)


class Log:
    """An open log. Its bytes are read in rising order of their offsets. Use it with `with`."""

    def __init__(self, path: str) -> None:
        """Open the log. Raises OSError."""
        self._file = open_plain(path)
        self._unpacked = decompressed(path) if path.endswith(GZIP) else None
        self._held, self._held_at = b"", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """How many bytes there are now; of a compressed log that is not known."""
        return ENDLESS if self._unpacked is not None else os.fstat(self._file.fileno()).st_size

    def bytes_of(self, chunk: Chunk) -> Iterator[bytes]:
        offset, end = chunk.offset, chunk.offset + chunk.length
        while offset < end:
            data = self._read(offset, min(CHUNK_BYTES, end - offset))
            if not data:
                return  # shorter than a moment ago: the disk was full, or the log is being removed
            yield data
            offset += len(data)

    def _read(self, offset: int, most: int) -> bytes:
        if self._unpacked is None:
            return os.pread(self._file.fileno(), most, offset)
        while self._held_at + len(self._held) <= offset:
            block = next(self._unpacked, None)
            if block is None:
                return b""
            self._held_at += len(self._held)
            self._held = block
        return self._held[offset - self._held_at :][:most]


def chunks(path: str, log: Log, start: Place = BEGINNING, *, is_growing: bool = False) -> Iterator[Chunk]:
    """Yield the chunks of a log in order, from `start` on.

    `is_growing`: what the index does not cover yet is left out, unless it is so much that there can be no index.
    """
    size = log.size
    offset, seconds, inside = start.offset - start.inside, start.seconds, start.inside
    for microseconds, stream, length in _index(path.removesuffix(GZIP), start.index_offset):
        seconds = microseconds / 1e6
        if stream == DROPPED:
            yield Chunk(seconds, DROPPED, offset, length)
            continue
        length = min(length, size - offset)
        if length > inside:
            yield Chunk(seconds, stream, offset + inside, length - inside)
            offset += length
        inside = 0
    offset = max(offset, start.offset)
    if offset < size and (not is_growing or size - offset > MAX_CHUNK_BYTES):
        yield Chunk(seconds, STDOUT, offset, size - offset)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a log that belongs to one attempt."""

    #: its first byte
    first: int = 0
    #: the byte after its last one; None: the end of the log
    end: int | None = None

    def cut(self, chunk: Chunk) -> Chunk | None:
        """Return the piece of `chunk` that lies in this part; None when nothing does."""
        first = max(chunk.offset, self.first)
        if chunk.stream == DROPPED:
            return chunk if first == chunk.offset and (self.end is None or first < self.end) else None
        end = chunk.offset + chunk.length if self.end is None else min(chunk.offset + chunk.length, self.end)
        return Chunk(chunk.seconds, chunk.stream, first, end - first) if first < end else None


WHOLE_LOG = Part()


def raw(path: str, streams: Sequence[str] = (STDOUT, STDERR), part: Part = WHOLE_LOG) -> Iterator[bytes]:
    """Yield the bytes of these streams as they were printed."""
    with Log(path) as log:
        for chunk in filter(None, map(part.cut, chunks(path, log))):
            if chunk.stream in streams:
                yield from log.bytes_of(chunk)


def lines(
    path: str,
    *,
    streams: Sequence[str] = (STDOUT, STDERR),
    secrets: Iterable[str] = (),
    start: Place = BEGINNING,
    part: Part = WHOLE_LOG,
    needles: Sequence[bytes] = (),
) -> Iterator[Line]:
    """Yield the lines of these streams in the order of their ends, with `secrets` masked.

    A line longer than 64 KiB is yielded in pieces. Of a line that has begun before `start` nothing is shown.
    Lines with none of the `needles` may be left out, which is fast.
    """
    hidden = list(secrets)
    inside = start.begun | (start.unsure if hidden else frozenset())
    found = Lines(streams, hidden, inside=inside, needles=needles, gaps=start.gaps)
    with Log(path) as log:
        for chunk in filter(None, map(part.cut, chunks(path, log, start))):
            if chunk.stream == DROPPED:
                yield from found.drop(chunk.seconds, chunk.length, chunk.offset)
            elif chunk.stream in found:
                offset = chunk.offset
                for data in log.bytes_of(chunk):
                    yield from found.add(chunk.stream, chunk.seconds, data, offset)
                    offset += len(data)
        yield from found.end()


def last_lines(
    path: str,
    count: int,
    *,
    streams: Sequence[str] = (STDOUT, STDERR),
    secrets: Iterable[str] = (),
    part: Part = WHOLE_LOG,
) -> list[Line]:
    """Return the last `count` lines (pieces of long ones count); only as much of the log is read as necessary."""
    if count < 1:
        return []
    hidden = list(secrets)
    reach = LAST_BYTES if part.end is None else os.stat(path).st_size - part.end + LAST_BYTES
    while True:
        start = BEGINNING if path.endswith(GZIP) else place_before_end(path, reach)
        if start.offset <= part.first:  # a part begins with a new line
            start = BEGINNING
        found = deque(lines(path, streams=streams, secrets=hidden, start=start, part=part), count)
        if len(found) == count or start == BEGINNING:
            return list(found)
        reach *= LOOK_FURTHER


def _index(path: str, offset: int) -> Iterator[tuple[int, str, int]]:
    """Yield (microseconds, stream, length) up to the first invalid line."""
    try:
        with open_plain(path + ".idx") as index:
            index.seek(offset)
            for line in index:
                found = entry(line)
                if found is None:
                    return
                yield found
    except OSError:  # none, or none that can be read: the log is shown without it
        return
