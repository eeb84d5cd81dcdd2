"""Log the output of processes that a job with `leftovers: keep` leaves behind, from a small separate process.

Lean module, loaded only then. The reader lives until all writers have closed the pipes, has neither lock nor limits,
and needs one buffer. Over the log's cap, or when the disk is full, it discards what it reads.
"""

import posix
import select
import time

from process_control.execution.apart import work_apart
from process_control.system import linux

_BUFFER_BYTES = 64 << 10
_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_EXCL


class LateReader:
    """Appends `streams` (descriptor: letter in the index) to the log and the index of a run that has ended.

    `space` is how many bytes the log may still take; `started_ns` is the monotonic time at which the run began.
    """

    __slots__ = ("_index", "_index_path", "_log", "_space", "_started_ns", "_streams")

    def __init__(
        self, streams: dict[int, bytes], *, log: int, index: int, index_path: str, space: int, started_ns: int
    ) -> None:
        self._streams = dict(streams)
        self._log = log
        self._index = index
        self._index_path = index_path
        self._space = space if log >= 0 else 0
        self._started_ns = started_ns

    def start(self) -> None:
        """Start the reader as a process that outlives us. Raises OSError."""
        kept = [descriptor for descriptor in (*self._streams, self._log, self._index) if descriptor >= 0]
        work_apart(self._work, kept=tuple(kept), ends_with_guard=False)

    def _work(self) -> None:
        linux.set_process_name(b"run-job-reader")
        poll = select.poll()
        for descriptor in self._streams:
            poll.register(descriptor, select.POLLIN)
        while self._streams:
            for descriptor, _ in poll.poll():
                try:
                    data = posix.read(descriptor, _BUFFER_BYTES)
                except BlockingIOError:
                    continue
                if data:
                    self._keep(self._streams[descriptor], data)
                else:
                    poll.unregister(descriptor)
                    posix.close(descriptor)
                    del self._streams[descriptor]

    def _keep(self, stream: bytes, data: bytes) -> None:
        """Append to log and index what there is space for; write nothing more after an error."""
        data = data[: self._space]
        if not data:
            return
        try:
            size = posix.write(self._log, data)
            self._space = self._space - size if size == len(data) else 0
            if self._index < 0:
                self._index = posix.open(self._index_path, _NEW, 0o640)
            moment = (time.monotonic_ns() - self._started_ns) // 1000
            posix.write(self._index, b"%d %s %d\n" % (moment, stream, size))
        except OSError:
            self._space = 0
