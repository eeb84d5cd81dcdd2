"""Finds the parts of a log in which lines may match, by looking at large blocks, before any line is made of them.

A line belongs to the window where it begins. What is found may have lines that do not match, but no line that matches
is outside.
"""

import codecs
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from process_control.history.log_line import DROPPED, MAX_LINE
from process_control.history.log_map import Span, spans
from process_control.system.plain_file import open_plain
from process_control.system.searched_memory import SearchedMemory

#: Parts with less between them are read as one.
NEAR_BYTES = 32 << 10
#: What is read at once: to look for needles, to look for what a regex matches, to find the end of a line. Of blocks
#: above 128 KiB the C library returns the memory at once, and to get it again takes as long as to search it.
RAW_BYTES, BLOCK_BYTES, LINE_BYTES = 512 << 10, 96 << 10, 4 << 10

#: With these letters a match may begin within the `\xff` that a byte which is no UTF-8 is shown as. No needle has `\`.
OF_AN_ESCAPE = frozenset(b"x0123456789abcdef")

#: Returns begin and end of what may match in a text from a place on; None when nothing does.
Find = Callable[[str, int], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a log: the lines that begin in it are searched."""

    begin: int
    end: int


class Scan:
    """Looks at one log. `find` finds what may match in a text; one of the `needles`, if any, is in whatever matches."""

    def __init__(
        self,
        path: str,
        find: Find,
        *,
        needles: Sequence[bytes],
        streams: Sequence[str],
        secrets: Sequence[str],
    ) -> None:
        self._path, self._find, self._streams = path, find, streams
        self._needles = [*needles]
        self._may_begin_in_an_escape = any(needle[0] in OF_AN_ESCAPE for needle in needles)
        self._secrets = [secret.encode("utf-8", "surrogateescape") for secret in secrets if secret]
        self._memory = SearchedMemory(RAW_BYTES if needles else 0)  # read into again and again: new memory costs more
        self._buffer = self._memory.buffer

    def parts(self, window: Window) -> list[Window]:
        """Return the parts of a window where lines may match, rising. Raises OSError without a log.

        Where something is masked or was dropped, nothing is left out: lines are searched as they are shown.
        """
        with open_plain(self._path) as log:
            if self._needles and not self._may_have(log.fileno(), window):
                return []
            found: list[Window] = []
            for begin in range(window.begin, window.end, BLOCK_BYTES):
                found += self._parts(log.fileno(), Window(begin, min(begin + BLOCK_BYTES, window.end)))
        return _joined(found, window)

    def _may_have(self, log: int, window: Window) -> bool:
        """Return whether a needle may be in the lines of a window, by its bytes as they are in the file."""
        end = window.end + MAX_LINE
        if len(spans(self._path, window.begin, end)) > 1:  # another stream may part a needle
            return True
        longest = max(map(len, self._needles))
        at = window.begin
        while at < end:
            wanted = min(RAW_BYTES, end - at)
            with memoryview(self._buffer) as whole, whole[:wanted] as view:
                size = os.preadv(log, [view], at)
            if any(self._has(needle, size) for needle in self._needles):
                return True
            if self._may_begin_in_an_escape and not self._buffer.isascii() and not _is_utf_8(self._buffer[:size]):
                return True
            if size < wanted or at + size >= end:
                return False
            at += size - longest
        return False

    def _has(self, needle: bytes, size: int) -> bool:
        """Return whether the first bytes of the buffer have a needle; first whether they have all its letters."""
        has_letters = all(
            self._buffer.find(letter, 0, size) >= 0 for letter in {*needle}
        )  # faster, where one is missing
        return has_letters and self._memory.has(needle, size)

    def _parts(self, log: int, window: Window) -> list[Window]:
        of_window = spans(self._path, window.begin, window.end)
        if any(span.stream == DROPPED for span in of_window):
            return [window]
        found: list[Window] = []
        for stream in self._streams:
            block = _Block(log, [span for span in of_window if span.stream == stream])
            if block.data:
                is_cut = block.read_to_the_end_of_the_line(self._path, stream, window.end)
                if (is_cut and self._secrets) or any(secret in block.data for secret in self._secrets):
                    return [window]
                found += block.parts(self._find)
        return found


def _is_utf_8(data: bytearray) -> bool:
    """Return whether data is UTF-8, but for characters that are cut at its ends."""
    first = next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
    try:
        codecs.utf_8_decode(data[first:], "strict", False)
    except UnicodeDecodeError:
        return False
    return True


def _joined(found: list[Window], window: Window) -> list[Window]:
    joined: list[Window] = []
    for each in sorted(found, key=lambda each: each.begin):
        end = min(each.end, window.end)
        if joined and each.begin - joined[-1].end < NEAR_BYTES:
            joined[-1] = Window(joined[-1].begin, max(joined[-1].end, end))
        elif each.begin < window.end:
            joined.append(Window(each.begin, end))
    return joined


class _Block:
    """What one stream has in a window, up to the end of the last line that begins in it."""

    def __init__(self, log: int, of_stream: Sequence[Span]) -> None:
        self._log = log
        self._spans = [*of_stream]
        self._starts: list[int] = []
        pieces, size = [], 0
        for span in of_stream:
            piece = os.pread(log, span.end - span.begin, span.begin)
            pieces.append(piece)
            self._starts.append(size)
            size += len(piece)
        self.data = pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_to_the_end_of_the_line(self, path: str, stream: str, end: int) -> bool:
        """Read on behind the window while the last line has not ended, of a long line a part.

        Return whether it was cut there: bytes are missing behind.
        """
        pieces, size = [self.data], len(self.data)
        is_cut = False
        for span in spans(path, end, end + MAX_LINE) if not self.data.endswith(b"\n") else ():
            if span.stream == DROPPED:
                is_cut = True
                break
            if span.stream == stream:
                piece = self._line_from(span)
                self._starts.append(size)
                self._spans.append(span)
                pieces.append(piece)
                size += len(piece)
                if piece.endswith(b"\n"):
                    break
        self.data = b"".join(pieces)
        return is_cut

    def _line_from(self, span: Span) -> bytes:
        """Return what a span has of the line that continues in it."""
        for length in (LINE_BYTES, span.end - span.begin):
            piece = os.pread(self._log, min(length, span.end - span.begin), span.begin)
            newline = piece.find(b"\n") + 1
            if newline:
                return piece[:newline]
        return piece

    def parts(self, find: Find) -> Iterator[Window]:
        """Yield the places in the log of the lines in which something may match."""
        data = self.data
        text = data.decode("utf-8", "backslashreplace")
        place, at, line = _Place(data, text), 0, 0
        while at <= len(text):
            match = find(text, at)
            if match is None:
                return
            line = data.rfind(b"\n", 0, place.of(match[0])) + 1
            last = data.find(b"\n", max(place.of(match[1]), line))
            end = len(data) if last < 0 else last + 1
            yield Window(self._in_log(line), self._in_log(end - 1) + 1)
            if last < 0:
                return
            at = text.find("\n", match[1]) + 1

    def _in_log(self, at: int) -> int:
        number = bisect_right(self._starts, at) - 1
        return self._spans[number].begin + at - self._starts[number]


class _Place:
    """Where in the bytes a place in their text is, or at least the beginning of its line. Asked for in rising order."""

    def __init__(self, data: bytes, text: str) -> None:
        self._data, self._text = data, text
        self._is_same = len(data) == len(text) and data.isascii()
        self._in_text = self._in_data = 0

    def of(self, at: int) -> int:
        if self._is_same:
            return at
        for _ in range(self._text.count("\n", self._in_text, at)):
            self._in_data = self._data.index(b"\n", self._in_data) + 1
            self._in_text = self._text.index("\n", self._in_text) + 1
        return self._in_data
