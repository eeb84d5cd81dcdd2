"""The clock: wall time for records, monotonic time for limits.

Lean room.
"""

import time


class SystemClock:
    """The host's clocks. `now` is UTC seconds since 1970; `monotonic` is not moved by clock changes."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def iso(seconds: float) -> str:
    """Return UTC seconds as ISO 8601 with milliseconds: 2026-11-23T22:55:00.123Z."""
    whole = int(seconds)
    milliseconds = int((seconds - whole) * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def day(seconds: float) -> str:
    """Return the UTC day: 2026-11-23."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
