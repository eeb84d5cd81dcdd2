"""Follows a log while its run writes to it: each call gives the lines that have ended since the last one."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from process_control.history.log_line import DROPPED, STDOUT, Line, Lines
from process_control.history.log_place import BEGINNING, MAX_ENTRY_BYTES, Place, entry
from process_control.history.log_reader import MAX_CHUNK_BYTES, Chunk, Log
from process_control.system.plain_file import open_plain

READ_BYTES = 64 << 10


class FollowedLog:
    """A log that grows. The file stays open: it may be removed meanwhile."""

    def __init__(
        self, path: str, *, streams: Sequence[str], secrets: Iterable[str] = (), start: Place = BEGINNING
    ) -> None:
        """Open the log; its index comes with the first output. Raises OSError."""
        self._path = path
        self._log = Log(path)
        self._index: BinaryIO | None = None
        hidden = list(secrets)
        self._lines = Lines(streams, hidden, inside=start.begun | (start.unsure if hidden else frozenset()))
        self._index_offset = start.index_offset
        self._offset, self._inside = start.offset, start.inside
        self._seconds = start.seconds
        #: from here on there is none, or none that is valid: all counts as stdout
        self._has_no_index = False

    def read(self) -> Iterator[Line]:
        """Yield the lines that have ended meanwhile."""
        size = self._log.size  # before the index: that is written after the log
        while not self._has_no_index and (block := self._new_entries()):
            whole = block.rfind(b"\n") + 1
            if not whole:
                self._has_no_index = len(block) > MAX_ENTRY_BYTES
                break
            for line in block[:whole].splitlines(keepends=True):
                found = entry(line)
                if found is None:
                    self._has_no_index = True
                    break
                self._index_offset += len(line)
                yield from self._take(*found)
        self._has_no_index = self._has_no_index or size - self._offset > MAX_CHUNK_BYTES
        if self._has_no_index:
            yield from self._take_the_rest()

    def end(self) -> Iterator[Line]:
        """Yield what is left when the run has ended, also lines without an end."""
        yield from self.read()
        yield from self._take_the_rest()
        yield from self._lines.end()

    def close(self) -> None:
        self._log.close()
        if self._index is not None:
            self._index.close()

    def _new_entries(self) -> bytes:
        if self._index is None:
            try:
                self._index = open_plain(self._path + ".idx")
            except OSError:  # it comes with the first output
                return b""
        return os.pread(self._index.fileno(), READ_BYTES, self._index_offset)

    def _take(self, microseconds: int, stream: str, length: int) -> Iterator[Line]:
        self._seconds = microseconds / 1e6
        if stream == DROPPED:
            yield from self._lines.drop(self._seconds, length, self._offset)
            return
        length, self._inside = max(0, length - self._inside), 0
        yield from self._read(stream, length)

    def _take_the_rest(self) -> Iterator[Line]:
        yield from self._read(STDOUT, self._log.size - self._offset)

    def _read(self, stream: str, length: int) -> Iterator[Line]:
        chunk = Chunk(self._seconds, stream, self._offset, min(length, self._log.size - self._offset))
        if chunk.length <= 0:
            return
        offset, self._offset = self._offset, self._offset + chunk.length
        if stream in self._lines:
            for data in self._log.bytes_of(chunk):
                yield from self._lines.add(stream, self._seconds, data, offset)
                offset += len(data)
