"""What a job with `leftovers: keep` leaves behind may print on: a small process reads it, and keeps it in the log.

Lean module, loaded only then. It lives as long as somebody can print, has neither lock nor limits, and holds no memory
but one buffer. Over the log's cap, or when the disk is full, it reads on and keeps nothing more.
"""

import posix
import select
import time

from process_control.execution.apart import work_apart
from process_control.system import linux

_BUFFER_BYTES = 64 << 10
_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_EXCL


class LateReader:
    """Reads `streams` (descriptor: letter of the index) on, into the log and the index of a run that has ended.

    `room` is how much the log may take; `started_ns` when the run began, by the monotonic clock.
    """

    __slots__ = ("_index", "_index_path", "_log", "_room", "_started_ns", "_streams")

    def __init__(
        self, streams: dict[int, bytes], *, log: int, index: int, index_path: str, room: int, started_ns: int
    ) -> None:
        self._streams = dict(streams)
        self._log = log
        self._index = index
        self._index_path = index_path
        self._room = room if log >= 0 else 0
        self._started_ns = started_ns

    def start(self) -> None:
        """Read in a process beside this one, which lives on when we end. Raises OSError."""
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
        """Append to log and index what there is room for; after an error nothing more."""
        data = data[: self._room]
        if not data:
            return
        try:
            size = posix.write(self._log, data)
            self._room = self._room - size if size == len(data) else 0
            if self._index < 0:
                self._index = posix.open(self._index_path, _NEW, 0o640)
            moment = (time.monotonic_ns() - self._started_ns) // 1000
            posix.write(self._index, b"%d %s %d\n" % (moment, stream, size))
        except OSError:
            self._room = 0
