"""Reads a part of a log in lines or rows, each with its place, and later the part behind it, also while the log grows.

A row is what a page shows of a line: its first 64 KiB at most. Its place is the offset of its first byte in the log,
which stays the same while the log grows.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line, Lines
from process_control.history.log_map import place_at
from process_control.history.log_place import BEGINNING, Place
from process_control.history.log_reader import ENDLESS, GZIP, Chunk, Log, Part, chunks

BOTH = (STDOUT, STDERR)


@dataclass(frozen=True, slots=True)
class At:
    """How far a log has been read."""

    #: up to this byte
    position: int = 0
    #: the lines that had begun there begin from here on
    resume: int = 0
    #: so many of the places with dropped bytes that are at that byte have been read too
    drops: int = 0
    #: streams that were cut there within a line
    gaps: frozenset[str] = frozenset()

    def __str__(self) -> str:
        words = [f"{self.position}", f"{self.resume}"]
        words += [f"{self.drops}"] if self.drops or self.gaps else []
        return "-".join([*words, *(["".join(sorted(self.gaps))] if self.gaps else [])])

    @classmethod
    def of(cls, text: str, *, may_have_gaps: bool = False) -> "At | None":
        """Return the place that a client has sent back; None for what is none."""
        *numbers, last = text.split("-")
        gaps = frozenset(last) if may_have_gaps and last and set(last) <= set(BOTH) else frozenset[str]()
        words = numbers if gaps else [*numbers, last]
        if not 2 <= len(words) <= 3 or not all(map(_is_number, words)):
            return None
        position, resume, *drops = map(int, words)
        return cls(position, min(position, resume), drops[0] if drops else 0, gaps)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 19


class Reading:
    """Lines of a log from a place on, or those that are new since it was read up to `after`.

    When it has ended, `at` and `begun` say where, and which lines had begun. `stop`: the byte before which it ends.
    `is_growing`: the run has not ended, so that a line without an end may get one. Of a line that has begun before the
    place at most `most_skipped` bytes are left out.
    """

    def __init__(
        self,
        path: str,
        *,
        streams: Sequence[str] = BOTH,
        secrets: Iterable[str] = (),
        start: Place | None = None,
        after: At | None = None,
        stop: int | None = None,
        is_growing: bool = False,
        most_skipped: int = ENDLESS,
    ) -> None:
        """Make ready to read. Raises FileNotFoundError when the log is gone."""
        hidden = list(secrets)
        self._after = after or At()
        place = start if start is not None else _place_of(path, self._after)
        inside = (place.begun | (place.unsure if hidden else frozenset())) - self._after.gaps
        self._lines = Lines(
            streams, hidden, inside=inside, most_skipped=most_skipped, gaps=place.gaps | self._after.gaps
        )
        #: Streams of which a piece of the present line has come, and those that were cut within one.
        self._continued: set[str] = set()
        self._gaps = set(self._after.gaps)
        self._path, self._start, self._is_growing = path, place, is_growing
        first = self._after.position if self._after.gaps and is_compressed(path) else 0
        self._part = Part(first, stop)
        self._position = place.offset if start is not None else self._after.resume
        self._drops = 0
        #: Lines of one group that have yet to be yielded.
        self._ahead: deque[Line] = deque()
        self.is_at_end = False

    def groups(self) -> Iterator[list[Line]]:
        """Yield the lines, long ones in pieces, in groups: behind each it may end, see `at` and `is_between_lines`."""
        for group in self._groups():
            new = [line for line in group if self._is_new(line)]
            if new:
                yield new

    def lines(self) -> Iterator[Line]:
        """Yield the lines, long ones in pieces."""
        for group in self.groups():
            yield from self._one_by_one(group)

    def rows(self) -> Iterator[Line]:
        """Yield the lines, of long ones the first piece."""
        continued: set[str] = set()
        for group in self._groups():
            for line in self._one_by_one(group):
                is_first = line.stream not in continued
                if line.stream == DROPPED:
                    continued.clear()
                elif line.ends:
                    continued.discard(line.stream)
                else:
                    continued.add(line.stream)
                if is_first and self._is_new(line):
                    yield line

    @property
    def position(self) -> int:
        return self._position

    def begun(self) -> list[Line]:
        """Return the rows that have not ended yet, as they are now."""
        return [line for line in self._lines.begun() if line.stream not in self._continued]

    @property
    def is_between_lines(self) -> bool:
        """Whether no piece of a line was yielded that has not ended."""
        return not self._continued

    def cut(self) -> list[Line]:
        """End within a line: return what was read of the lines that have not ended. The next reading continues them."""
        found = [line for line in self._lines.drop(None, 0, self._position) if line.stream != DROPPED]
        self._gaps |= self._continued | {line.stream for line in found}
        self._continued.clear()
        return found

    @property
    def at(self) -> At:
        if self._position < self._after.position:
            return self._after
        resume = min((line.offset for line in (*self._ahead, *self.begun())), default=self._position)
        known = self._after if self._after.position == self._position else At()
        return At(self._position, resume, max(self._drops, known.drops), frozenset(self._gaps))

    def _one_by_one(self, group: list[Line]) -> Iterator[Line]:
        self._ahead.extend(group)
        while self._ahead:
            yield self._ahead.popleft()

    def _groups(self) -> Iterator[list[Line]]:
        with Log(self._path) as log:
            for found in chunks(self._path, log, self._start, is_growing=self._is_growing):
                chunk = self._part.cut(found)
                if chunk is None:
                    if self._part.end is not None and found.offset >= self._part.end:
                        break
                elif chunk.stream == DROPPED:
                    yield self._dropped(chunk)
                elif chunk.stream in self._lines:
                    yield from self._of_chunk(log, chunk)
                else:
                    self._move_to(chunk.offset + chunk.length)
            self.is_at_end = self._part.end is None or self._position >= log.size
            if self.is_at_end and not self._is_growing:
                yield list(self._lines.end())

    def _dropped(self, chunk: Chunk) -> list[Line]:
        self._move_to(chunk.offset)
        self._drops += 1
        self._continued.clear()
        self._gaps.clear()
        return list(self._lines.drop(chunk.seconds, chunk.length, chunk.offset))

    def _of_chunk(self, log: Log, chunk: Chunk) -> Iterator[list[Line]]:
        stream, offset = chunk.stream, chunk.offset
        for data in log.bytes_of(chunk):
            at = 0
            while at < len(data):
                end = data.find(b"\n", at) + 1 or len(data)
                self._move_to(offset + end)
                group = list(self._lines.add(stream, chunk.seconds, data[at:end], offset + at))
                if group:
                    self._gaps.discard(stream)
                    (self._continued.discard if group[-1].ends else self._continued.add)(stream)
                    yield group
                at = end
            offset += len(data)

    def _move_to(self, position: int) -> None:
        if position != self._position:
            self._position, self._drops = position, 0

    def _is_new(self, line: Line) -> bool:
        """Return whether a line was not known yet when the log had been read up to `after`."""
        if line.stream != DROPPED:
            return line.end > self._after.position
        return line.offset > self._after.position or (
            line.offset == self._after.position and self._drops > self._after.drops
        )


def _place_of(path: str, at: At) -> Place:
    return BEGINNING if is_compressed(path) else place_at(path, at.resume)


def is_compressed(path: str) -> bool:
    return path.endswith(GZIP)
