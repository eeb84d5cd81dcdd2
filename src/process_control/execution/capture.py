"""Write every byte that a job prints to a raw log, with an index of the time, stream and length of each chunk.

Lean module. Memory is bounded: one read buffer, and the last MiB of the output that is over the cap or that the disk
did not take.

The index is text, one line per chunk: `<microseconds since start> <o|e> <length>`; `x` instead of a stream means that
this many bytes were dropped here.
"""

import fcntl
import posix
import select
import time

from process_control.errors import CannotRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.execution.stdout_copy import StdoutCopy

BUFFER_BYTES = 1 << 20
#: Most jobs print little, and a larger buffer must be zeroed first.
_FIRST_BUFFER_BYTES = 16 << 10
#: How much of the end of the output is kept in memory once the log has reached its cap.
TAIL_BYTES = 1 << 20
_TAIL_CHUNKS = 16384
#: How much of stderr a report quotes: half from the beginning, half from the end.
EXCERPT_BYTES = 64 << 10
#: From <linux/fcntl.h>.
_F_SETPIPE_SZ = 1031
_APPEND = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_NEW = _APPEND | posix.O_EXCL

OUT, ERR = b"o", b"e"


class Capture:
    """Records both output streams of one run.

    `open_log` creates the log; without it (`run_unlogged`) only the tail and the counts are kept. Every chunk is also
    passed to `show(stream, data)` (the terminal) and `watch(stream, data)`, and stdout to `copy`.
    `stdout_bytes`, `stderr_bytes` and the excerpt count one attempt, see `begin_attempt`.
    """

    __slots__ = (
        "_attempts_at",
        "_buffer",
        "_excerpt_head",
        "_excerpt_tail",
        "_head_bytes",
        "_head_space",
        "_index",
        "_index_path",
        "_kept_open",
        "_log",
        "_show",
        "_started",
        "_tail",
        "_tail_bytes",
        "_tail_limit",
        "copy",
        "dropped_bytes",
        "log_error",
        "other_error",
        "stderr_bytes",
        "stdout_bytes",
        "watch",
    )

    def __init__(self, *, cap_bytes: int, show: "Callable[[bytes, bytes], None] | None" = None) -> None:
        self._buffer = bytearray(_FIRST_BUFFER_BYTES)
        self._tail_limit = min(TAIL_BYTES, cap_bytes // 2)
        self._attempts_at = [0]
        self._head_space = 0
        self._head_bytes = 0
        self._tail: list[tuple[int, bytes, bytes]] = []
        self._tail_bytes = 0
        self._log = self._index = -1
        self.copy: StdoutCopy | None = None
        self._index_path = ""
        self._show = show
        self.watch: Callable[[bytes, bytes], None] | None = None
        self._started = time.monotonic_ns()
        self._excerpt_head = b""
        self._excerpt_tail = b""
        self.stdout_bytes = self.stderr_bytes = self.dropped_bytes = 0
        self.log_error: str | None = None
        self.other_error: str | None = None
        self._kept_open: dict[int, bytes] = {}

    def open_log(self, path: str, *, cap_bytes: int) -> None:
        """Create the log, which must not exist yet; the first output creates its index. Raises CannotRecord (74)."""
        try:
            self._log = posix.open(path, _NEW, 0o640)
        except OSError as error:
            raise CannotRecord(f"cannot make the log file: {error.strerror}", where=path) from error
        self._index_path = path + ".idx"
        self._head_space = cap_bytes - self._tail_limit

    def begin_attempt(self) -> None:
        """Reset the counts and the excerpt for another attempt in the same log."""
        self._attempts_at.append(self._attempts_at[-1] + self.stdout_bytes + self.stderr_bytes)
        self.stdout_bytes = self.stderr_bytes = 0
        self._excerpt_head = self._excerpt_tail = b""

    def log_offsets(self) -> list[int]:
        """Return the offset in the log at which each attempt begins, as known now: bytes dropped later move it."""
        head = self._head_bytes
        return [
            printed if printed <= head else head + max(0, printed - head - self.dropped_bytes)
            for printed in self._attempts_at
        ]

    def read(self, descriptor: int, stream: bytes) -> int:
        """Read what is available; return the number of bytes, 0 at the end of the stream, -1 for nothing yet."""
        try:
            size = posix.readv(descriptor, [self._buffer])
        except BlockingIOError:
            return -1
        if size:
            self._take(stream, memoryview(self._buffer)[:size])
        if size == _FIRST_BUFFER_BYTES:
            self._buffer = bytearray(BUFFER_BYTES)
        return size

    def _take(self, stream: bytes, data: memoryview) -> None:
        moment = (time.monotonic_ns() - self._started) // 1000
        if stream == OUT:
            self.stdout_bytes += len(data)
            if self.copy is not None:
                self.copy.take(data)
        else:
            self.stderr_bytes += len(data)
            self._remember(data)
        if self._show is not None:
            self._show(stream, bytes(data))
        if self.watch is not None:
            self.watch(stream, bytes(data))
        fits = min(len(data), self._head_space) if not self._tail else 0
        if fits:
            written = self._write_log(moment, stream, data[:fits])
            self._head_bytes += written
            self._head_space = self._head_space - written if written == fits else 0
            data = data[written:]
        if data:
            self._keep_in_tail(moment, stream, bytes(data))

    def _write_log(self, moment: int, stream: bytes, data: memoryview) -> int:
        """Write to log and index; return how many bytes were written to the log."""
        written = 0
        try:
            while written < len(data):
                written += posix.write(self._log, data[written:])
        except OSError as error:
            self.log_error = error.strerror
        if written:
            try:
                self._write_index(b"%d %s %d\n" % (moment, stream, written))
            except OSError as error:
                self.other_error = f"the log's index could not be written: {error.strerror}"
        return written

    def _write_index(self, line: bytes) -> None:
        """Append a line to the index, created by the first: most jobs print nothing. Raises OSError."""
        if self._index < 0:
            self._index = posix.open(self._index_path, _NEW, 0o640)
        posix.write(self._index, line)

    def _keep_in_tail(self, moment: int, stream: bytes, data: bytes) -> None:
        self._tail.append((moment, stream, data))
        self._tail_bytes += len(data)
        surplus = 0
        while self._tail_bytes - surplus > self._tail_limit or len(self._tail) > _TAIL_CHUNKS:
            first_moment, first_stream, first = self._tail[0]
            excess = self._tail_bytes - surplus - self._tail_limit
            if len(self._tail) > _TAIL_CHUNKS or len(first) <= excess:
                surplus += len(first)
                del self._tail[0]
            else:
                self._tail[0] = (first_moment, first_stream, first[excess:])
                surplus += excess
        self._tail_bytes -= surplus
        self.dropped_bytes += surplus

    def _remember(self, data: memoryview) -> None:
        """Add to the excerpt: the first and the last 32 KiB of stderr."""
        half = EXCERPT_BYTES // 2
        missing = half - len(self._excerpt_head)
        if missing > 0:
            self._excerpt_head += data[:missing]
            data = data[missing:]
        if data:
            self._excerpt_tail = (self._excerpt_tail + data[-half:])[-half:]

    def stderr_excerpt(self) -> bytes:
        """Return the stderr of the attempt; the middle is cut out when it is longer than 64 KiB."""
        left_out = self.stderr_bytes - len(self._excerpt_head) - len(self._excerpt_tail)
        if left_out <= 0:
            return self._excerpt_head + self._excerpt_tail
        return b"%s\n[... %d bytes left out ...]\n%s" % (self._excerpt_head, left_out, self._excerpt_tail)

    def close(self) -> None:
        """Write the tail to the log, mark the cut in the index, and close all files. Never raises."""
        if self.copy is not None:
            self.copy.finish()
        if self._log >= 0 and self._tail:
            self._flush_tail()
        elif self._log < 0:
            self.dropped_bytes += self._tail_bytes
        if self._index >= 0:  # there was output: it must be on the disk before the record that counts it
            try:
                posix.fdatasync(self._log)
            except OSError as error:
                self.other_error = f"the log may not be on the disk: {error.strerror}"
        if self._kept_open:
            self._hand_over()
        for descriptor in (self._log, self._index):
            if descriptor >= 0:
                posix.close(descriptor)
        self._log = self._index = -1

    def keep_open(self, streams: dict[int, bytes]) -> None:
        """Take over pipes that surviving leftovers may still write to; `close` starts a reader for them."""
        self._kept_open.update(streams)

    def _hand_over(self) -> None:
        from process_control.execution.late_reader import LateReader

        streams, self._kept_open = self._kept_open, {}
        space = 0 if self.dropped_bytes or self.log_error else self._head_space + self._tail_limit
        reader = LateReader(
            streams,
            log=self._log,
            index=self._index,
            index_path=self._index_path,
            space=space,
            started_ns=self._started,
        )
        try:
            reader.start()
        except OSError as error:
            self.other_error = f"processes that it left have no output any more: {error.strerror}"
        for descriptor in streams:
            posix.close(descriptor)

    def cut(self) -> str | None:
        """Return, after `close`, how much output is missing in log or file for an error, in words, or None."""
        cuts = []
        if self.log_error and self.dropped_bytes:
            cuts.append(f"{self.dropped_bytes:,} bytes of output are missing in the log: {self.log_error}")
        copy = self.copy
        if copy is not None and copy.missing_bytes:
            missing = f"{copy.missing_bytes:,} of {copy.total_bytes:,} bytes"
            cuts.append(f"{missing} of stdout are missing in {copy.path}: {copy.error}")
        return "; ".join(cuts) or None

    def _flush_tail(self) -> None:
        tail, self._tail = self._tail, []
        try:
            if self.dropped_bytes:
                self._write_index(b"%d x %d\n" % (tail[0][0], self.dropped_bytes))
        except OSError as error:
            self.other_error = f"the log's index could not be written: {error.strerror}"
        for moment, stream, data in tail:
            self.dropped_bytes += len(data) - self._write_log(moment, stream, memoryview(data))


class Order:
    """Sorts pipes by which was written to first since the last call, by means of edge-triggered epoll.

    Best effort: without epoll (no descriptor left) pipes are read in the order in which they were added.
    """

    __slots__ = ("_epoll",)

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        try:
            self._epoll = select.epoll()
        except OSError:
            pass

    def add(self, read_end: int) -> None:
        """Watch this pipe too; closing it removes it."""
        try:
            if self._epoll is not None:
                self._epoll.register(read_end, select.EPOLLIN | select.EPOLLET)
        except OSError:  # half an order is worse than none
            self.close()

    def sort(self, ready: list[int]) -> list[int]:
        """Return the pipes in `ready`, the one written to first at the front.

        Call it after each wait, even for one pipe: the kernel keeps events that were not collected.
        """
        if self._epoll is None:
            return ready
        written = [descriptor for descriptor, _ in self._epoll.poll(0)]
        # A ready pipe without an event was not emptied the last time.
        return [one for one in ready if one not in written] + [one for one in written if one in ready]

    def close(self) -> None:
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None


def make_pipe(*, is_large: bool = True) -> tuple[int, int]:
    """Return (read end, write end) of a pipe; the read end does not block."""
    read_end, write_end = posix.pipe2(posix.O_CLOEXEC)
    posix.set_blocking(read_end, False)
    if not is_large:
        return read_end, write_end
    try:
        fcntl.fcntl(write_end, _F_SETPIPE_SZ, BUFFER_BYTES)
    except OSError:  # over the user's limit of pipe memory: the normal size works too
        pass
    return read_end, write_end
