"""The clock: wall time for records, monotonic time for limits.

Lean module.
"""

import time

DAY_SECONDS = 86400


class SystemClock:
    """The host's clocks. `now` is UTC seconds since 1970; `monotonic` seconds are not moved by clock changes."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def wait_milliseconds(seconds: float | None) -> int:
    """Return the timeout for poll(2), in milliseconds: rounded up, -1 for None (no limit), at most 2^31 - 1.

    So a wait of more than 24.8 days ends early: the caller has to check the clock.
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
