"""Reads the log of a run, with the times and streams of its index, in bounded memory.

Each line of the index (`<log>.idx`) has microseconds since the start, the stream (`o`, `e`), and a number of bytes; `x`
means that so many bytes were dropped here. What the index does not cover (it may be torn) counts as stdout. Lines are
not escaped: whoever shows them does that.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from process_control.core import layout
from process_control.core.masking import overlap
from process_control.system.plain_file import open_plain

STDOUT, STDERR, DROPPED = "o", "e", "x"
MAX_LINE = 64 << 10
CHUNK_BYTES = 256 << 10
LAST_BYTES = 256 << 10
MASK = b"***"
#: Of a time in microseconds: thirty years.
MAX_DIGITS = 15


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


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one stream."""

    #: of its first byte, since the start of the run; None: not in the index
    seconds: float | None
    #: STDOUT, STDERR or DROPPED
    stream: str
    #: without the newline; empty for DROPPED
    text: bytes
    #: False when the next line of the stream continues it
    ends: bool = True
    #: of DROPPED: how many bytes are missing
    dropped: int = 0

    @property
    def shown(self) -> bytes:
        """The text as a terminal finally shows it: without what a carriage return overwrote."""
        return self.text.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in self.text else self.text


def current_path(path: str, output_directory: str) -> str:
    """Return the present path of a recorded log: its old one, or below `output_directory` if it was moved there."""
    moved = layout.log_here(output_directory, path)
    return moved if not os.path.exists(path) and os.path.exists(moved) else path


def chunks(path: str) -> Iterator[Chunk]:
    """Yield the chunks of a log in order. Raises FileNotFoundError when the log is gone, but not for its index."""
    size = os.stat(path).st_size
    offset = 0
    seconds: float | None = None
    for microseconds, stream, length in _index(path):
        seconds = microseconds / 1e6
        if stream == DROPPED:
            yield Chunk(seconds, DROPPED, offset, length)
            continue
        length = min(length, size - offset)
        if length > 0:
            yield Chunk(seconds, stream, offset, length)
            offset += length
    if offset < size:
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
    with open_plain(path) as log:
        for chunk in filter(None, map(part.cut, chunks(path))):
            if chunk.stream in streams:
                yield from _bytes_of(log.fileno(), chunk)


def lines(
    path: str,
    *,
    streams: Sequence[str] = (STDOUT, STDERR),
    secrets: Iterable[str] = (),
    first: int = 0,
    part: Part = WHOLE_LOG,
) -> Iterator[Line]:
    """Yield the lines of these streams in the order of their ends, with `secrets` masked.

    A line longer than 64 KiB is yielded in pieces. `first` skips the log up to that offset, and the incomplete line of
    each stream there.
    """
    hidden = sorted((secret.encode("utf-8", "surrogateescape") for secret in secrets if secret), key=len, reverse=True)
    begun = {stream: _BegunLine(stream, hidden, skips_one=first > 0) for stream in streams}
    with open_plain(path) as log:
        for chunk in filter(None, map(part.cut, chunks(path))):
            if chunk.stream == DROPPED:
                if chunk.offset >= first:
                    for line in begun.values():
                        yield from line.cut(is_dropped=True)
                    yield Line(chunk.seconds, DROPPED, b"", dropped=chunk.length)
            elif chunk.stream in begun and chunk.offset + chunk.length > first:
                for data in _bytes_of(log.fileno(), chunk, first):
                    yield from begun[chunk.stream].add(chunk.seconds, data)
        for line in begun.values():
            yield from line.cut()


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
    found: deque[Line] = deque()
    end = os.stat(path).st_size if part.end is None else part.end
    for first in (max(0, end - LAST_BYTES), 0):
        first = first if first > part.first else 0  # a part begins with a new line
        found = deque(lines(path, streams=streams, secrets=secrets, first=first, part=part), count)
        if len(found) == count or first == 0:
            break
    return list(found)


class _BegunLine:
    """A line of one stream that has not ended yet."""

    def __init__(self, stream: str, secrets: list[bytes], *, skips_one: bool) -> None:
        self._stream = stream
        self._skips_one = skips_one
        self._secrets = secrets
        self._kept_back = max((len(secret) for secret in secrets), default=1) - 1
        self._text = b""
        self._seconds: float | None = None
        self._is_after_a_drop = False

    def add(self, seconds: float | None, data: bytes) -> Iterator[Line]:
        if self._skips_one:
            _, newline, data = data.partition(b"\n")
            self._skips_one = not newline
        if not self._text:
            self._seconds = seconds
        *whole, rest = data.split(b"\n")
        for end in whole:
            yield from self._long(self._text + end)
            yield Line(self._seconds, self._stream, self._masked(self._text))
            self._text, self._seconds = b"", seconds
        yield from self._long(self._text + rest)

    def cut(self, *, is_dropped: bool = False) -> Iterator[Line]:
        """Yield the incomplete line. `is_dropped`: its end is missing from the log, and maybe half a secret with it."""
        if self._text:
            begun = max((overlap(self._text, secret) for secret in self._secrets), default=0) if is_dropped else 0
            masked = self._masked(self._text[: len(self._text) - begun]) + MASK * (begun > 0)
            yield Line(self._seconds, self._stream, masked, ends=False)
            self._text = b""
        self._is_after_a_drop |= is_dropped

    def _long(self, text: bytes) -> Iterator[Line]:
        """Keep `text` as the incomplete line; yield what is beyond MAX_LINE, but never half a secret."""
        while len(text) > MAX_LINE + self._kept_back:
            text = self._masked(text)
            here = min(len(text), MAX_LINE)
            if here < len(text):
                here = max(1, min(here, len(text) - self._kept_back))
            yield Line(self._seconds, self._stream, text[:here], ends=False)
            text = text[here:]
        self._text = text

    def _masked(self, text: bytes) -> bytes:
        if self._is_after_a_drop:
            self._is_after_a_drop = False
            ended = max((overlap(secret, text) for secret in self._secrets), default=0)
            text = MASK * (ended > 0) + text[ended:]
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _bytes_of(log: int, chunk: Chunk, first: int = 0) -> Iterator[bytes]:
    offset, end = max(chunk.offset, first), chunk.offset + chunk.length
    while offset < end:
        data = os.pread(log, min(CHUNK_BYTES, end - offset), offset)
        if not data:
            return  # shorter than a moment ago: the disk was full, or the log is being removed
        yield data
        offset += len(data)


def _index(path: str) -> Iterator[tuple[int, str, int]]:
    """Yield (microseconds, stream, length) up to the first invalid line."""
    try:
        with open_plain(path + ".idx") as index:
            for line in index:
                words = line.split()
                if len(words) != 3 or not line.endswith(b"\n") or words[1] not in (b"o", b"e", b"x"):
                    return
                if not (words[0].isdigit() and words[2].isdigit() and len(words[0]) <= MAX_DIGITS and len(line) < 64):
                    return
                yield int(words[0]), words[1].decode("ascii"), int(words[2])
    except OSError:  # none, or none that can be read: the log is shown without it
        return
