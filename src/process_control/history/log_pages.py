"""Reads a log part by part, each of which begins where the one before ended, also while the log grows.

What was read is remembered for each stream: the lines of one may have begun before those of the other have ended.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from process_control.history.log_line import DROPPED, MAX_LINE, STDERR, STDOUT, Line, Lines
from process_control.history.log_place import MAX_ENTRY_BYTES, Place, entry
from process_control.history.log_reader import GZIP, Chunk, Log
from process_control.system.plain_file import open_plain

#: What a run may have written to its log before the index has it.
MAX_AHEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the next part begins."""

    #: In the index, of the entry to read first, and where in the log that entry is.
    entry: int = 0
    offset: int = 0
    #: In the log, of the first byte of each stream that was not shown.
    stdout: int = 0
    stderr: int = 0
    #: The streams of which the end of a secret may come next: something was dropped, or a line was cut.
    gaps: frozenset[str] = frozenset()
    #: The streams that are within a line of which nothing is shown.
    skips: frozenset[str] = frozenset()

    def to_text(self) -> str:
        numbers = (self.entry, self.offset, self.stdout, self.stderr)
        return ";".join([" ".join(map(str, numbers)), *("".join(sorted(each)) for each in (self.gaps, self.skips))])

    @classmethod
    def of_text(cls, text: str) -> "Mark":
        """Return what `to_text` has written. Raises ValueError."""
        words, gaps, skips = text.split(";")
        at, offset, stdout, stderr = map(int, words.split())
        if min(at, offset, stdout, stderr) < 0 or not set(gaps + skips) <= {STDOUT, STDERR}:
            raise ValueError("no mark")
        return cls(at, offset, stdout, stderr, frozenset(gaps), frozenset(skips))

    @classmethod
    def of_place(cls, place: Place, skips: Iterable[str]) -> "Mark":
        return cls(place.index_offset, place.offset - place.inside, place.offset, place.offset, skips=frozenset(skips))


BEGINNING = Mark()


@dataclass(slots=True)
class _Stream:
    """How far a stream was read."""

    #: Of the first byte that was not shown.
    shown: int
    skips: bool
    #: The entry of the index in which that byte is, and where in the log the entry is.
    entry: int
    offset: int
    #: Whether a line has begun that has not ended.
    has_begun: bool = False
    #: How many pieces of that line were yielded.
    pieces: int = 0
    #: Whether the end of a secret may come next.
    has_gap: bool = False
    #: The last bytes read, in which a word of a search may begin.
    tail: bytes = b""


class LogPart:
    """Reads lines from a mark on. Take `mark` when enough were read, and `is_between_lines`, else `cut` first."""

    def __init__(
        self,
        path: str,
        start: Mark,
        *,
        streams: Sequence[str],
        secrets: Sequence[str],
        needles: Sequence[bytes] = (),
        is_growing: bool,
        ends_at: float = float("inf"),
    ) -> None:
        """`needles`: lines with none of them may be left out. `ends_at`: when to give up, by the monotonic clock."""
        self._path = path
        self._start = start
        self._needles = needles
        self._is_growing = is_growing
        self._ends_at = ends_at
        self._lines = {stream: Lines([stream], secrets, start.skips & {stream}, needles) for stream in streams}
        self._of = {
            stream: _Stream(shown, stream in start.skips, start.entry, start.offset, has_gap=stream in start.gaps)
            for stream, shown in ((STDOUT, start.stdout), (STDERR, start.stderr))
        }
        for stream in start.gaps & self._lines.keys():
            list(self._lines[stream].drop(None, 0, start.offset))
        #: The entry that is being read, and the byte behind the last one that was.
        self._entry, self._offset = start.entry, start.offset
        self._here = max(start.stdout, start.stderr)
        #: Lines that were read and have yet to be yielded.
        self._ahead: deque[Line] = deque()
        self.is_at_end = False

    @property
    def is_between_lines(self) -> bool:
        """Whether no piece of a line was yielded that has not ended."""
        return not self._ahead and not any(stream.pieces for stream in self._of.values())

    @property
    def mark(self) -> Mark:
        """Where the next part begins."""
        out, err = self._of[STDOUT], self._of[STDERR]
        begun = [(stream.entry, stream.offset) for stream in (out, err) if stream.has_begun or stream.skips]
        entry_of, offset = min([(self._entry, self._offset), *begun])
        gaps = frozenset(name for name, stream in self._of.items() if stream.has_gap)
        skips = frozenset(name for name, stream in self._of.items() if stream.skips)
        return Mark(entry_of, offset, out.shown, err.shown, gaps, skips)

    def cut(self) -> Iterator[Line]:
        """End this part within a line: yield what of it was read."""
        yield from self._in_turn(self._ahead)
        yield from self._flush()
        for stream in self._of.values():
            stream.has_gap |= stream.has_begun or stream.pieces > 0
            stream.shown, stream.has_begun, stream.pieces = max(stream.shown, self._here), False, 0

    def lines(self) -> Iterator[Line]:
        """Yield the lines. Raises OSError when there is no log."""
        with Log(self._path) as log:
            for at, following, offset, seconds, stream, length in self._entries(log):
                self._entry, self._offset = at, offset
                if stream == DROPPED:
                    yield from self._dropped(following, offset, seconds, length)
                elif stream in self._lines:
                    yield from self._read(log, seconds, stream, offset, length)
                if monotonic() > self._ends_at:
                    return
        self.is_at_end = True
        if not self._is_growing:
            yield from self._in_turn(line for each in self._lines.values() for line in each.end())

    def _in_turn(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield lines that belong together: between them a part does not end."""
        self._ahead = deque(lines)
        while self._ahead:
            yield self._ahead.popleft()

    def _entries(self, log: Log) -> Iterator[tuple[int, int, int, float | None, str, int]]:
        """Yield of each entry where it is, where the next one is, where it is in the log, time, stream and length."""
        at, offset, size = self._start.entry, self._start.offset, log.size
        seconds = self._seconds_before(at)
        for line in self._index(at):
            found = entry(line)
            if found is None:
                break
            seconds, following = found[0] / 1e6, at + len(line)
            length = found[2] if found[1] == DROPPED else min(found[2], size - offset)
            yield at, following, offset, seconds, found[1], length
            offset += 0 if found[1] == DROPPED else length
            at = following
        if offset < size and (not self._is_growing or size - offset > MAX_AHEAD_BYTES):
            yield at, at, offset, seconds, STDOUT, size - offset

    def _seconds_before(self, at: int) -> float | None:
        """Return the time of the entry that ends there."""
        begin = max(0, at - MAX_ENTRY_BYTES)
        last = b""
        for line in self._index(begin):
            begin += len(line)
            if begin > at:
                break
            last = line
        found = entry(last)
        return None if found is None else found[0] / 1e6

    def _index(self, at: int) -> Iterator[bytes]:
        try:
            with open_plain(f"{self._path.removesuffix(GZIP)}.idx") as index:
                index.seek(at)
                yield from index
        except OSError:  # none: all counts as stdout
            return

    def _dropped(self, following: int, offset: int, seconds: float | None, length: int) -> Iterator[Line]:
        lines = [*self._flush(), Line(seconds, DROPPED, b"", dropped=length)]
        self._entry = following
        for stream in self._of.values():
            stream.shown, stream.entry, stream.offset = max(stream.shown, offset), following, offset
            stream.has_begun, stream.pieces, stream.has_gap, stream.tail = False, 0, True, b""
        yield from self._in_turn(lines)

    def _read(self, log: Log, seconds: float | None, stream: str, offset: int, length: int) -> Iterator[Line]:
        of = self._of[stream]
        at, end = max(offset, of.shown), offset + length
        if at >= end:
            return
        for data in log.bytes_of(Chunk(seconds, stream, at, end - at)):
            begin, at = at, at + len(data)
            if self._needles and not self._may_match(of, data):
                if b"\n" not in data and at - of.shown > MAX_LINE:
                    self._pass_over(of, stream, seconds, at)
                    if monotonic() > self._ends_at:
                        return
                    continue
                found = list(self._lines[stream].add(stream, seconds, data, begin))
                self._has_read(of, begin + data.rfind(b"\n") + 1 if b"\n" in data else None, at)
                of.pieces += bool(found) and not found[-1].ends
                yield from self._in_turn(found)
            else:
                yield from self._each(of, stream, seconds, data, begin)
            if monotonic() > self._ends_at:
                return

    def _pass_over(self, of: _Stream, stream: str, seconds: float | None, at: int) -> None:
        """Leave out what was read of a long line, up to `at`: nothing in it matches, but for what may begin there."""
        for _ in self._lines[stream].drop(None, 0, at):
            pass
        kept = of.tail[1:]
        for _ in self._lines[stream].add(stream, seconds, kept, at - len(kept)):
            pass
        self._here, of.shown, of.has_gap, of.pieces = at, at - len(kept), True, 0
        of.entry, of.offset, of.has_begun = self._entry, self._offset, bool(kept)

    def _each(self, of: _Stream, stream: str, seconds: float | None, data: bytes, begin: int) -> Iterator[Line]:
        """Yield line by line, so that a part can end behind each."""
        at = 0
        while (newline := data.find(b"\n", at)) >= 0:
            part, before, at = data[at : newline + 1], begin + at, newline + 1
            found = list(self._lines[stream].add(stream, seconds, part, before))
            self._has_read(of, begin + at, begin + at)
            yield from self._in_turn(found)
        if rest := data[at:]:
            pieces = list(self._lines[stream].add(stream, seconds, rest, begin + at))
            of.pieces += len(pieces)
            self._has_read(of, None, begin + len(data))
            yield from self._in_turn(pieces)

    def _has_read(self, of: _Stream, shown: int | None, here: int) -> None:
        """Note that a stream was read up to `here`, and all its lines that have ended before `shown`."""
        self._here = here
        if shown is not None:
            of.shown, of.skips, of.pieces, of.has_begun, of.has_gap = shown, False, 0, False, False
            of.entry, of.offset = self._entry, self._offset
        if here > of.shown and not of.has_begun:
            of.entry, of.offset, of.has_begun = self._entry, self._offset, True

    def _may_match(self, of: _Stream, data: bytes) -> bool:
        longest = max(map(len, self._needles))
        between = of.tail + data[: longest - 1]
        of.tail = data[-longest:] if len(data) >= longest else (of.tail + data)[-longest:]
        return any(needle in data or needle in between for needle in self._needles)

    def _flush(self) -> list[Line]:
        found = [line for each in self._lines.values() for line in each.drop(None, 0, self._here)]
        return [line for line in found if line.stream != DROPPED]
