"""Read the output pipes of the commands into the capture.

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
    """The pipes of one attempt. `hear()` is called whenever something was read."""

    __slots__ = ("_hear", "_open", "_order", "_poll", "are_watched", "capture", "watch")

    def __init__(self, capture: Capture, poll: "select.poll", *, hear: "Callable[[], None]", are_watched: bool) -> None:
        self.capture = capture
        self._poll = poll
        self._hear = hear
        self._open: dict[int, bytes] = {}
        self._order = Order()
        #: Lines are to be matched. Pipes are small then: what is in them at the end is still matched.
        self.are_watched = are_watched
        #: What matches the lines, once a command runs.
        self.watch: OutputWatch | None = None

    @property
    def are_open(self) -> bool:
        return bool(self._open)

    @property
    def is_behind(self) -> bool:
        """Whether to read no more for now: the file of `stdout` or the rules have not processed what was read."""
        copy = self.capture.copy
        return (copy is not None and copy.is_behind) or self.is_watch_behind

    @property
    def is_watch_behind(self) -> bool:
        return self.watch is not None and self.watch.is_behind

    def open(self, stream: bytes) -> int:
        """Make a pipe, begin to read it, and return its write end. Raises OSError.

        Every command gets new pipes, so that one cannot change those of the next (O_NONBLOCK, size).
        """
        read_end, write_end = make_pipe(is_large=not self.are_watched)
        self._open[read_end] = stream
        self._poll.register(read_end, select.POLLIN)
        self._order.add(read_end)
        return write_end

    def show_to(self, watch: "OutputWatch") -> None:
        """Pass output to `watch` from now on."""
        self.watch = watch
        self.capture.watch = watch.take

    def finish_lines(self) -> None:
        """Have all lines matched that were read so far."""
        if self.watch is not None:
            self.watch.finish()

    def read_ready(self, events: list[tuple[int, int]]) -> None:
        ready = [descriptor for descriptor, _ in events if descriptor in self._open]
        if ready:
            for descriptor in self._order.sort(ready):
                self._read(descriptor)

    def read_all(self) -> None:
        """Read what is in the pipes now: at most twice the size of a pipe, as a leftover may print for ever."""
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
        """Close the pipes, or with `keep_open` pass them to `Capture.keep_open` for surviving leftovers."""
        if keep_open:
            self.capture.keep_open(self._open)
        else:
            for descriptor in self._open:
                posix.close(descriptor)
        self._order.close()
        self.capture.watch = None
