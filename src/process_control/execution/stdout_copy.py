"""Append a job's stdout to the file of the key `stdout`, in a separate process: the write may hang, we must not.

Lean module, loaded by jobs with that key. After a failed write nothing more is written, so the file has no gaps.
"""

import _signal
import posix
import select
import time

from process_control.errors import CannotRecord
from process_control.execution.apart import work_apart
from process_control.system import linux
from process_control.system.ask import ANSWER_SECONDS, decode_answer, encode_answer, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: How much may wait in memory to be written.
BACKLOG_BYTES = 4 << 20
#: After so long without progress the writer counts as hanging.
STALLED_SECONDS = 5.0
#: How long the end of a run waits at most for the rest to be written.
LAST_SECONDS = 30.0
_PIECE_BYTES = 256 << 10
#: S_IFREG and S_IFMT of <sys/stat.h>.
_REGULAR = 0o100000
_TYPE = 0o170000


class StdoutCopy:
    """Sends stdout to the writer of the file. `error` is what went wrong, `missing_bytes` how much was not written.

    `is_behind`: the file is slow, so read no more from the job: it then waits as it would for the disk itself. This
    holds for regular files; the job does not wait for the reader of a FIFO.
    """

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_heard",
        "_is_regular",
        "_moved_at",
        "_pipe",
        "_report",
        "_reported",
        "_taken_bytes",
        "_total_bytes",
        "_writer",
        "error",
        "path",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self.error: str | None = None
        self._backlog: list[bytes] = []
        self._backlog_bytes = 0
        self._taken_bytes = self._total_bytes = 0
        self._reported = 0
        self._heard = b""
        self._is_regular = False
        self._moved_at = time.monotonic()
        self._pipe = self._report = self._writer = -1

    def open(self, opener: "Callable[[], int]", header: bytes) -> None:
        """Call `opener` and append `header` to the file that it opens, both in the writer process.

        Raises CannotRecord (74), and the errors of this package that `opener` raises.
        """
        read_end, self._pipe = posix.pipe2(posix.O_CLOEXEC)
        self._report, report = posix.pipe2(posix.O_CLOEXEC)

        def work() -> None:
            _Writer(read_end, report).work(opener, header)

        try:
            try:
                work_apart(work, kept=(read_end, report), ends_with_guard=True)
            finally:
                posix.close(read_end)
                posix.close(report)
            self._is_regular = decode_answer(self._first_words()) == _REGULAR
        except OSError as error:
            self._let_go()
            raise CannotRecord(f"cannot append stdout to this file: {error.strerror}", where=self.path) from error
        except BaseException:
            self._let_go()
            raise
        posix.set_blocking(self._pipe, False)
        posix.set_blocking(self._report, False)

    def _first_words(self) -> bytes:
        """Return the writer's answer to opening the file. Raises CannotRecord when there is none in time."""
        until = time.monotonic() + ANSWER_SECONDS
        poll = select.poll()
        poll.register(self._report, select.POLLIN)
        while self._heard.count(b"\n") < 2:
            if not poll.poll(max(0, int((until - time.monotonic()) * 1000) + 1)):
                why = f"cannot append stdout to this file: no answer within {ANSWER_SECONDS:g} s"
                raise CannotRecord(why, where=self.path, hint="check that its disk is mounted and answers")
            part = posix.read(self._report, 1 << 16)
            if not part:
                raise CannotRecord("cannot append stdout to this file: its writer was killed", where=self.path)
            self._heard += part
            if self._writer < 0 and b"\n" in self._heard:
                self._writer = posix.pidfd_open(int(self._heard.partition(b"\n")[0]))
        _, answer, self._heard = self._heard.split(b"\n", 2)
        return answer

    @property
    def is_behind(self) -> bool:
        return self._is_regular and self._backlog_bytes >= BACKLOG_BYTES and self.error is None

    @property
    def missing_bytes(self) -> int:
        return self._total_bytes - self._reported

    @property
    def total_bytes(self) -> int:
        return self._total_bytes

    def take(self, data: memoryview) -> None:
        """Queue output for the file; never waits."""
        self._total_bytes += len(data)
        if self.error is not None:
            return
        if not self._is_regular and self._backlog_bytes + len(data) > BACKLOG_BYTES:
            self.error = "its reader was too slow"  # what is queued is still written
            return
        self._backlog.append(bytes(data))
        self._backlog_bytes += len(data)
        self.flush()

    def flush(self) -> None:
        """Write to the pipe what it takes now, and read the writer's progress."""
        try:
            while self._backlog and self._pipe >= 0:
                first = self._backlog[0]
                size = posix.write(self._pipe, first)
                self._moved_at = time.monotonic()
                self._backlog_bytes -= size
                if size == len(first):
                    del self._backlog[0]
                else:
                    self._backlog[0] = first[size:]
        except BlockingIOError:
            pass
        except OSError:  # the writer has given up; the reason is in its report
            self._backlog.clear()
            self._backlog_bytes = 0
        self._hear()

    def _hear(self) -> bool:
        """Read how much has been written; return False at the end of the writer's report."""
        try:
            while part := posix.read(self._report, 1 << 16):
                self._heard += part
        except BlockingIOError:
            part = b"more may come"
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            if line.startswith(b"!"):
                self.error = line[1:].decode("utf-8", "replace")
            else:
                self._reported = int(line)
                self._moved_at = time.monotonic()
        return bool(part)

    def wait(self, other: int, milliseconds: int) -> None:
        """Wait until the pipe takes more, `other` is readable or the time has passed; then flush."""
        poll = select.poll()
        poll.register(other, select.POLLIN)
        poll.register(self._pipe, select.POLLOUT)
        poll.poll(milliseconds)
        self.flush()
        if self.is_behind and time.monotonic() > self._moved_at + STALLED_SECONDS:
            self._give_up()

    def _give_up(self) -> None:
        self.error = f"nothing could be written for {STALLED_SECONDS:g} s"

    def finish(self) -> None:
        """Wait until all is written, 30 s at most; kill a writer that hangs. Never raises."""
        until = time.monotonic() + LAST_SECONDS
        self._moved_at = time.monotonic()
        poll = select.poll()
        poll.register(self._report, select.POLLIN)
        poll.register(self._pipe, select.POLLOUT)
        while True:
            self.flush()
            if not self._backlog and self._pipe >= 0:
                poll.unregister(self._pipe)
                posix.close(self._pipe)
                self._pipe = -1
            if not self._hear():
                break
            now = time.monotonic()
            if now > min(self._moved_at + STALLED_SECONDS, until):
                self.error = self.error or (
                    "it took too long" if now > until else f"nothing could be written for {STALLED_SECONDS:g} s"
                )
                break
            poll.poll(int((min(self._moved_at + STALLED_SECONDS, until) - now) * 1000) + 1)
        if self.missing_bytes and self.error is None:
            self.error = "its writer was killed"
        self._let_go()

    def _let_go(self) -> None:
        """Kill the writer if it still runs, and close the pipes."""
        if self._writer >= 0:
            try:
                _signal.pidfd_send_signal(self._writer, _signal.SIGKILL)
            except OSError:
                pass
        for descriptor in (self._pipe, self._report, self._writer):
            if descriptor >= 0:
                posix.close(descriptor)
        self._pipe = self._report = self._writer = -1


class _Writer:
    """The writer process: writes what arrives on the pipe to the file, and reports how much."""

    __slots__ = ("_file", "_pipe", "_report", "_written")

    def __init__(self, pipe: int, report: int) -> None:
        self._pipe = pipe
        self._report = report
        self._file = -1
        self._written = 0

    def work(self, opener: "Callable[[], int]", header: bytes) -> None:
        linux.set_process_name(b"run-job-writer")
        write_all(self._report, b"%d\n" % posix.getpid())

        def opened() -> int:
            self._file = opener()
            posix.set_blocking(self._file, True)
            write_all(self._file, header)
            return posix.fstat(self._file).st_mode & _TYPE

        answer = encode_answer(opened)
        write_all(self._report, answer + b"\n")
        if not answer.startswith(b'{"answer"'):
            return
        posix.set_blocking(self._report, False)  # the runner may be busy; a lost count is made up for by the last line
        try:
            while data := posix.read(self._pipe, _PIECE_BYTES):
                self._write(data)
        except OSError as error:
            last = b"%d\n!%s\n" % (self._written, posix.strerror(error.errno or 0).encode())
        else:
            last = b"%d\n" % self._written
        posix.set_blocking(self._report, True)
        write_all(self._report, last)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            size = posix.write(self._file, rest)
            self._written += size
            rest = rest[size:]
        try:
            posix.write(self._report, b"%d\n" % self._written)
        except BlockingIOError:
            pass
