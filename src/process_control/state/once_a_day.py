"""Limit a warning about a job to once a day.

Lean module, loaded when there is a warning.
"""

import posix
import time

from process_control.core import layout
from process_control.system.clock import DAY_SECONDS

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def is_first_today(state_directory: str, slug: str, word: str) -> bool:
    """Return whether this was not called with the same `word` within the last day."""
    stamp, now = layout.stamp(state_directory, slug, word), time.time()
    try:
        if 0 <= now - posix.stat(stamp).st_mtime < DAY_SECONDS:
            return False
    except OSError:
        pass
    try:
        posix.close(posix.open(stamp, _FLAGS, 0o640))
        posix.utime(stamp, (now, now))
    except OSError:  # the warning is repeated then
        pass
    return True
