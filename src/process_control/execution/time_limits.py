"""The time limits of one attempt, enforced while it runs, and passed to the guard in case we cannot enforce them.

Lean module.
"""

import time

from process_control.execution.guard_channel import MARGIN_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.execution.guard_channel import Channel

DRAIN_SECONDS = 2.0
_TO_GUARD_AGAIN_SECONDS = 1.0


class TimeLimits:
    """The time limits of a job, in seconds; 0 is no limit."""

    __slots__ = ("drain_seconds", "grace_seconds", "keep_leftovers", "silence_seconds", "timeout_seconds")

    def __init__(
        self, *, timeout_seconds: float, grace_seconds: float, keep_leftovers: bool, silence_seconds: float = 0.0
    ) -> None:
        #: From the start of the first command to the end of the last.
        self.timeout_seconds = timeout_seconds
        #: Without any output.
        self.silence_seconds = silence_seconds
        #: Between TERM and KILL.
        self.grace_seconds = grace_seconds
        #: Leftovers of the last command are not ended.
        self.keep_leftovers = keep_leftovers
        #: For leftovers of the last command to end by themselves.
        self.drain_seconds = DRAIN_SECONDS


class Stopwatch:
    """The limits of one running attempt, in monotonic seconds."""

    __slots__ = ("_deadline", "_given_at", "_guard", "_heard_at", "_limits", "_started")

    def __init__(self, limits: TimeLimits, guard: "Channel") -> None:
        self._limits = limits
        self._guard = guard
        self._started = self._heard_at = self._given_at = time.monotonic()
        self._deadline = self._started + limits.timeout_seconds if limits.timeout_seconds else None
        self.give_to_guard(self.next_limit())

    @property
    def seconds(self) -> float:
        """How long the attempt has run."""
        return time.monotonic() - self._started

    def next_limit(self) -> float | None:
        """Return the time of the next limit, unless output moves it; None without a limit."""
        if not self._limits.silence_seconds:
            return self._deadline
        silence_ends = self._heard_at + self._limits.silence_seconds
        return silence_ends if self._deadline is None else min(silence_ends, self._deadline)

    def is_over(self, facts: "Facts") -> bool:
        """Return whether a limit has passed, and record which in `facts`."""
        if self.is_past_deadline():
            facts.timed_out = True
            return True
        silence_seconds = self._limits.silence_seconds
        if silence_seconds and time.monotonic() >= self._heard_at + silence_seconds:
            facts.silent, facts.silence_seconds = True, silence_seconds
            return True
        return False

    def is_past_deadline(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def hear(self) -> None:
        """Restart the silence limit after output, for the guard too."""
        if self._limits.silence_seconds:
            self.excuse_silence()
            if self._heard_at > self._given_at + _TO_GUARD_AGAIN_SECONDS:
                self.give_to_guard(self.next_limit())

    def excuse_silence(self) -> None:
        """Restart the silence limit: nothing was read, so the job may have printed."""
        self._heard_at = time.monotonic()

    def give_to_guard(self, deadline: float | None) -> None:
        """Have the guard kill the tree some time after `deadline`, in case we have not ended it by then."""
        self._given_at = time.monotonic()
        grace = self._limits.grace_seconds + _TO_GUARD_AGAIN_SECONDS * bool(self._limits.silence_seconds)
        at = None if deadline is None else deadline + grace + MARGIN_SECONDS
        self._guard.set_deadline(at, grace_seconds=grace)
