"""Lines of a log, made from the bytes of its streams: bounded in length, with secrets masked.

Lines are not escaped: whoever shows them does that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from process_control.core.masking import overlap

STDOUT, STDERR, DROPPED = "o", "e", "x"
MAX_LINE = 64 << 10
MASK = b"***"


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


class Lines:
    """The lines of some streams of one log, in the order of their ends.

    `inside` are the streams that begin within a line: what is left of that line is not shown. A line longer than
    64 KiB is yielded in pieces. Lines with none of the `needles` may be left out.
    """

    def __init__(
        self,
        streams: Sequence[str],
        secrets: Iterable[str],
        inside: Iterable[str] = (),
        needles: Sequence[bytes] = (),
    ) -> None:
        encoded = [secret.encode("utf-8", "surrogateescape") for secret in secrets if secret]
        hidden = sorted(encoded, key=len, reverse=True)
        within = frozenset(inside)
        self._begun = {stream: _BegunLine(stream, hidden, needles, skips_one=stream in within) for stream in streams}

    def __contains__(self, stream: str) -> bool:
        return stream in self._begun

    def add(self, stream: str, seconds: float | None, data: bytes) -> Iterator[Line]:
        """Yield the lines that end in `data`."""
        return self._begun[stream].add(seconds, data)

    def drop(self, seconds: float | None, length: int) -> Iterator[Line]:
        """Yield what had begun before bytes that are missing, then a line in their place."""
        for line in self._begun.values():
            yield from line.cut(is_dropped=True)
        yield Line(seconds, DROPPED, b"", dropped=length)

    def end(self) -> Iterator[Line]:
        """Yield the lines that have not ended."""
        for line in self._begun.values():
            yield from line.cut()


class _BegunLine:
    """A line of one stream that has not ended yet."""

    def __init__(self, stream: str, secrets: list[bytes], needles: Sequence[bytes], *, skips_one: bool) -> None:
        self._stream = stream
        self._skipping = MAX_LINE if skips_one else 0
        self._secrets = secrets
        self._needles = needles
        self._kept_back = max((len(secret) for secret in secrets), default=1) - 1
        self._text = b""
        self._seconds: float | None = None
        self._is_after_a_drop = False

    def add(self, seconds: float | None, data: bytes) -> Iterator[Line]:
        if self._skipping:
            data = self._skipped(data)
        if not self._text:
            self._seconds = seconds
        if self._needles and b"\n" in data and not _has_one_of(self._needles, self._text + data):
            self._text, self._seconds, self._is_after_a_drop = b"", seconds, False
            data = data[data.rindex(b"\n") + 1 :]
        *whole, rest = data.split(b"\n")
        for end in whole:
            self._text += end
            if len(self._text) > MAX_LINE:
                yield from self._long(self._text)
            yield Line(self._seconds, self._stream, self._masked(self._text))
            self._text, self._seconds = b"", seconds
        yield from self._long(self._text + rest)

    def _skipped(self, data: bytes) -> bytes:
        """Return what follows the line that is not shown; of a long one at most MAX_LINE bytes are left out."""
        head = data[: self._skipping]
        _, newline, rest = head.partition(b"\n")
        if newline:
            self._skipping = 0
            return rest + data[len(head) :]
        self._skipping -= len(head)
        self._is_after_a_drop = not self._skipping  # here a secret may end
        return data[len(head) :]

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


def _has_one_of(needles: Sequence[bytes], text: bytes) -> bool:
    return any(needle in text for needle in needles)
