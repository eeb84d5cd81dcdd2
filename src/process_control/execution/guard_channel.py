"""Requests of a runner to its guard: deadlines, TERM, KILL.

Lean module.
"""

import posix
import time

#: How long after a limit and its grace the guard itself sends KILL.
MARGIN_SECONDS = 2.0


class Channel:
    """The runner's end of the pipe to its guard; without a guard (None) requests do nothing."""

    __slots__ = ("_descriptor", "_is_needed")

    def __init__(self, descriptor: int | None, *, is_needed: bool) -> None:
        self._descriptor = descriptor
        #: The guard may signal processes that we may not.
        self._is_needed = is_needed

    def end_within(self, seconds: float | None) -> None:
        """Have the guard kill us in so many seconds; None: never."""
        self.set_deadline(None if seconds is None else time.monotonic() + seconds)

    def set_deadline(self, at: float | None, *, grace_seconds: float | None = None) -> None:
        """Have the guard kill our tree at `at` (monotonic seconds; None: never).

        A stop that reaches the guard moves this to `grace_seconds` and 2 s later; None: a stop changes nothing.
        """
        moment = "-" if at is None else f"{at:.3f}"
        self._send(f"D {moment} {'-' if grace_seconds is None else f'{grace_seconds:.3f}'}\n")

    def ask_to_kill(self) -> None:
        """Have the guard send KILL to our whole tree."""
        if self._is_needed:
            self._send("K\n")

    def ask_to_end(self, inner_runners: list[int]) -> None:
        """Have the guard send TERM to our tree, except what is below these inner runners."""
        if self._is_needed:
            self._send(f"T {' '.join(map(str, inner_runners))}\n")

    def _send(self, line: str) -> None:
        if self._descriptor is None:
            return
        try:
            posix.write(self._descriptor, line.encode("ascii"))
        except OSError:  # the guard is gone, or was stopped for long and the pipe is full
            pass
