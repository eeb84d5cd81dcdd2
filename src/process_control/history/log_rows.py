"""Reads a part of a log in rows, each with its place: long lines are cut, secrets are masked.

A row is what a page shows of a line: its first 64 KiB at most. Its place is the offset of its first byte in the log,
which stays the same while the log grows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line, Lines
from process_control.history.log_place import BEGINNING, Place
from process_control.history.log_reader import ENDLESS, GZIP, Log, Part, chunks

BOTH = (STDOUT, STDERR)


@dataclass(frozen=True, slots=True)
class At:
    """How far a log has been read."""

    #: up to this byte
    position: int = 0
    #: the lines that had begun there begin from here on
    resume: int = 0

    def __str__(self) -> str:
        return f"{self.position}-{self.resume}"

    @classmethod
    def of(cls, text: str) -> "At | None":
        """Return the place that a client has sent back; None for what is none."""
        position, _, resume = text.partition("-")
        if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in (position, resume)):
            return None
        return cls(int(position), min(int(position), int(resume)))


class Reading:
    """Rows of a log from a place on. After `rows` has ended, `at` and `begun` say where, and which lines had begun.

    `stop`: the byte before which it ends. `is_growing`: the run has not ended: a line that has not ended is no row.
    """

    def __init__(
        self,
        path: str,
        *,
        secrets: Iterable[str] = (),
        start: Place = BEGINNING,
        stop: int | None = None,
        is_growing: bool = False,
        most_skipped: int = ENDLESS,
        needles: Sequence[bytes] = (),
    ) -> None:
        hidden = list(secrets)
        inside = start.begun | (start.unsure if hidden else frozenset())
        self._lines = Lines(BOTH, hidden, inside=inside, most_skipped=most_skipped, needles=needles)
        #: Streams whose next piece continues a row.
        self._continued: set[str] = set()
        self._path, self._start, self._stop = path, start, stop
        self._is_growing = is_growing
        self._position = start.offset

    def lines(self) -> Iterator[Line]:
        """Yield the lines, long ones in pieces."""
        part = Part(end=self._stop)
        with Log(self._path) as log:
            for found in chunks(self._path, log, self._start, is_growing=self._is_growing):
                chunk = part.cut(found)
                if chunk is None:
                    break
                if chunk.stream == DROPPED:
                    yield from self._lines.drop(chunk.seconds, chunk.length, chunk.offset)
                    continue
                offset = chunk.offset
                for data in log.bytes_of(chunk):
                    self._position = offset + len(data)
                    yield from self._lines.add(chunk.stream, chunk.seconds, data, offset)
                    offset += len(data)
            if not self._is_growing and (self._stop is None or self._position >= log.size):
                yield from self._lines.end()

    def rows(self) -> Iterator[Line]:
        """Yield the lines, of long ones the first piece."""
        for line in self.lines():
            if line.stream == DROPPED:
                self._continued.clear()
                yield line
                continue
            continues = line.stream in self._continued
            if line.ends:
                self._continued.discard(line.stream)
            else:
                self._continued.add(line.stream)
            if not continues:
                yield line

    @property
    def position(self) -> int:
        return self._position

    def begun(self) -> list[Line]:
        """Return the rows that have not ended yet, as they are now."""
        return [line for line in self._lines.begun() if line.stream not in self._continued]

    @property
    def at(self) -> At:
        return At(self._position, min((line.offset for line in self.begun()), default=self._position))


def is_new(line: Line, at: At) -> bool:
    """Return whether a row was not known yet when the log had been read up to `at`."""
    return line.offset >= at.position if line.stream == DROPPED else line.end > at.position


def is_compressed(path: str) -> bool:
    return path.endswith(GZIP)
