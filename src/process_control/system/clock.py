"""The clock: wall time for records, monotonic time for limits.

Lean module.
"""

import time

DAY_SECONDS = 86400


class SystemClock:
    """The host's clocks. `now` is UTC seconds since 1970; `monotonic` is not moved by clock changes."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def wait_milliseconds(seconds: float | None) -> int:
    """Return what poll(2) takes for a wait of so many seconds: rounded up, -1 for no limit, and at most 2^31 - 1.

    A longer wait ends early (after 24.8 days): whoever waits has to look at the clock again.
    """
    if seconds is None:
        return -1
    return min(int(max(0.0, seconds) * 1000) + 1, 0x7FFFFFFF)


def iso(seconds: float) -> str:
    """Return UTC seconds as ISO 8601 with milliseconds: 2026-11-23T22:55:00.123Z."""
    whole = int(seconds)
    milliseconds = int((seconds - whole) * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def day(seconds: float) -> str:
    """Return the UTC day: 2026-11-23."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
