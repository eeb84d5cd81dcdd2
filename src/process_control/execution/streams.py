"""What the commands print: their pipes, read into the capture while they run.

Lean module.
"""

import posix
import select

from process_control.execution.capture import Capture, Order, make_pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.execution.output_watch import OutputWatch

_READ_AT_ONCE_BYTES = 2 << 20
_READ_AT_ONCE_WATCHED_BYTES = 2 << 16


class Streams:
    """The pipes of one attempt. `hear()` is called when something was read."""

    __slots__ = ("_hear", "_open", "_order", "_poll", "are_watched", "capture", "watch")

    def __init__(self, capture: Capture, poll: "select.poll", *, hear: "Callable[[], None]", are_watched: bool) -> None:
        self.capture = capture
        self._poll = poll
        self._hear = hear
        self._open: dict[int, bytes] = {}
        self._order = Order()
        #: Pipes are small then: what one holds at the end has to be matched.
        self.are_watched = are_watched
        #: What the lines are shown to, once a command runs.
        self.watch: OutputWatch | None = None

    @property
    def are_open(self) -> bool:
        return bool(self._open)

    @property
    def is_behind(self) -> bool:
        """Whether nothing more is to be read: the file of `stdout` or the rules have to take what was read first."""
        copy = self.capture.copy
        return (copy is not None and copy.is_behind) or self.is_watch_behind

    @property
    def is_watch_behind(self) -> bool:
        return self.watch is not None and self.watch.is_behind

    def open(self, stream: bytes) -> int:
        """Make a pipe, read its one end from now on, and return the other. Raises OSError.

        What one command does to its pipe (O_NONBLOCK, its size) is not for the next one to meet.
        """
        read_end, write_end = make_pipe(is_large=not self.are_watched)
        self._open[read_end] = stream
        self._poll.register(read_end, select.POLLIN)
        self._order.add(read_end)
        return write_end

    def show_to(self, watch: "OutputWatch") -> None:
        """Have the output watched from now on; what was printed meanwhile waits in the pipes."""
        self.watch = watch
        self.capture.watch = watch.take

    def finish_lines(self) -> None:
        """Have matched what came so far: it is to be judged."""
        if self.watch is not None:
            self.watch.finish()

    def read_ready(self, events: list[tuple[int, int]]) -> None:
        ready = [descriptor for descriptor, _ in events if descriptor in self._open]
        if ready:
            for descriptor in self._order.sort(ready):
                self._read(descriptor)

    def read_all(self) -> None:
        """Read what lies in the pipes now, at most what a pipe holds twice over (a leftover may print for ever)."""
        for descriptor in self._order.sort(list(self._open)):
            rest = _READ_AT_ONCE_WATCHED_BYTES if self.are_watched else _READ_AT_ONCE_BYTES
            while rest > 0 and (size := self._read(descriptor)) > 0:
                rest -= size

    def _read(self, descriptor: int) -> int:
        size = self.capture.read(descriptor, self._open[descriptor])
        if size > 0:
            self._hear()
        if size == 0:
            self._poll.unregister(descriptor)
            del self._open[descriptor]
            posix.close(descriptor)
        return size

    def close(self, *, keep_open: bool) -> None:
        """Read no more; with `keep_open` what is left to live may print on, see `Capture.keep_open`."""
        if keep_open:
            self.capture.keep_open(self._open)
        else:
            for descriptor in self._open:
                posix.close(descriptor)
        self._order.close()
        self.capture.watch = None
