"""Lines of a log, made from the bytes of its streams: bounded in length, with secrets masked.

Lines are not escaped: whoever shows them does that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from process_control.core.masking import overlap

STDOUT, STDERR, DROPPED = "o", "e", "x"
MAX_LINE = 64 << 10
MASK = b"***"
#: Behind any byte: what ends with the log itself.
END = 1 << 62


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
    #: in the log, of its first byte; of a piece that continues a line with secrets about there
    offset: int = field(default=0, compare=False)
    #: in the log, behind the byte with which it was known
    end: int = field(default=0, compare=False)

    @property
    def shown(self) -> bytes:
        """The text as a terminal finally shows it: without what a carriage return overwrote."""
        return self.text.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in self.text else self.text


class Lines:
    """The lines of some streams of one log, in the order of their ends.

    `inside` are the streams that begin within a line: what is left of that line is not shown. A line longer than
    64 KiB is yielded in pieces. Lines with none of the `needles` may be left out. Of a line that has begun before, at
    most `most_skipped` bytes are left out. `gaps` are the streams that begin where the end of a secret may come.
    """

    def __init__(
        self,
        streams: Sequence[str],
        secrets: Iterable[str],
        inside: Iterable[str] = (),
        needles: Sequence[bytes] = (),
        most_skipped: int = MAX_LINE,
        gaps: Iterable[str] = (),
    ) -> None:
        encoded = [secret.encode("utf-8", "surrogateescape") for secret in secrets if secret]
        hidden = sorted(encoded, key=len, reverse=True)
        within = frozenset(inside)
        self._begun = {
            stream: _BegunLine(stream, hidden, needles, skipping=most_skipped if stream in within else 0)
            for stream in streams
        }
        for stream in gaps:
            if stream in self._begun:
                self._begun[stream].is_after_a_drop = True

    def __contains__(self, stream: str) -> bool:
        return stream in self._begun

    def add(self, stream: str, seconds: float | None, data: bytes, offset: int) -> Iterator[Line]:
        """Yield the lines that end in `data`, which is at `offset` in the log."""
        return self._begun[stream].add(seconds, data, offset)

    def drop(self, seconds: float | None, length: int, offset: int) -> Iterator[Line]:
        """Yield what had begun before bytes that are missing, then a line in their place."""
        for line in self._begun.values():
            yield from line.cut(end=offset + 1, is_dropped=True)
        yield Line(seconds, DROPPED, b"", dropped=length, offset=offset, end=offset)

    def end(self) -> Iterator[Line]:
        """Yield the lines that have not ended."""
        for line in self._begun.values():
            yield from line.cut(end=END)

    def begun(self) -> list[Line]:
        """Return the lines that have not ended, as they are now: what may be the beginning of a secret is masked."""
        return [found for line in self._begun.values() if (found := line.so_far()) is not None]


class _BegunLine:
    """A line of one stream that has not ended yet."""

    def __init__(self, stream: str, secrets: list[bytes], needles: Sequence[bytes], *, skipping: int) -> None:
        self._stream = stream
        self._skipping = skipping
        self._secrets = secrets
        self._needles = needles
        self._kept_back = max((len(secret) for secret in secrets), default=1) - 1
        self._text = b""
        self._seconds: float | None = None
        self._offset = 0
        #: Whether the end of a secret may come next.
        self.is_after_a_drop = False

    def add(self, seconds: float | None, data: bytes, offset: int) -> Iterator[Line]:
        end = offset + len(data)
        if self._skipping:
            data = self._skipped(data)
        at = end - len(data)
        if not self._text:
            self._seconds, self._offset = seconds, at
        if self._needles and b"\n" in data and not _has_one_of(self._needles, self._text + data):
            data = data[data.rindex(b"\n") + 1 :]
            at = end - len(data)
            self._text, self._seconds, self._offset, self.is_after_a_drop = b"", seconds, at, False
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._text += part
            at += len(part) + 1
            if len(self._text) > MAX_LINE:
                yield from self._long(self._text, at - 1)
            line = Line(self._seconds, self._stream, self._masked(self._text), offset=self._offset, end=at)
            self._text, self._seconds, self._offset = b"", seconds, at
            yield line
        yield from self._long(self._text + rest, end)

    def _skipped(self, data: bytes) -> bytes:
        """Return what follows the line that is not shown; of a long one at most MAX_LINE bytes are left out."""
        head = data[: self._skipping]
        _, newline, rest = head.partition(b"\n")
        if newline:
            self._skipping = 0
            return rest + data[len(head) :]
        self._skipping -= len(head)
        self.is_after_a_drop = not self._skipping  # here a secret may end
        return data[len(head) :]

    def cut(self, *, end: int, is_dropped: bool = False) -> Iterator[Line]:
        """Yield the incomplete line. `is_dropped`: its end is missing from the log, and maybe half a secret with it."""
        if self._text:
            masked = self._masked_up_to_half_a_secret() if is_dropped else self._masked(self._text)
            yield Line(self._seconds, self._stream, masked, ends=False, offset=self._offset, end=end)
            self._text = b""
        if is_dropped:  # what follows continues no line that is known
            self._skipping, self.is_after_a_drop = 0, True

    def so_far(self) -> Line | None:
        if not self._text:
            return None
        was = self.is_after_a_drop
        masked = self._masked_up_to_half_a_secret()
        self.is_after_a_drop = was
        return Line(self._seconds, self._stream, masked, ends=False, offset=self._offset)

    def _masked_up_to_half_a_secret(self) -> bytes:
        begun = max((overlap(self._text, secret) for secret in self._secrets), default=0)
        return self._masked(self._text[: len(self._text) - begun]) + MASK * (begun > 0)

    def _long(self, text: bytes, at: int) -> Iterator[Line]:
        """Keep `text`, which ends `at`, as the incomplete line; yield what is beyond MAX_LINE, but no half a secret."""
        known = MAX_LINE + self._kept_back + 1  # whatever the pieces are in which it is read
        while len(text) >= known:
            end = at - len(text) + known
            text = self._masked(text)
            here = min(len(text), MAX_LINE)
            if here < len(text):
                here = max(1, min(here, len(text) - self._kept_back))
            yield Line(self._seconds, self._stream, text[:here], ends=False, offset=self._offset, end=end)
            text = text[here:]
            self._offset = at - len(text)
        self._text = text

    def _masked(self, text: bytes) -> bytes:
        if self.is_after_a_drop:
            self.is_after_a_drop = False
            ended = max((overlap(secret, text) for secret in self._secrets), default=0)
            text = MASK * (ended > 0) + text[ended:]
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _has_one_of(needles: Sequence[bytes], text: bytes) -> bool:
    return any(needle in text for needle in needles)
