"""What is said once a day of a job.

Lean module, loaded when there is something to be said.
"""

import posix
import time

from process_control.core import layout
from process_control.system.clock import DAY_SECONDS

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def is_first_today(state_directory: str, slug: str, word: str) -> bool:
    """Whether this was not asked with that word for a day."""
    stamp, now = layout.stamp(state_directory, slug, word), time.time()
    try:
        if 0 <= now - posix.stat(stamp).st_mtime < DAY_SECONDS:
            return False
    except OSError:
        pass
    try:
        posix.close(posix.open(stamp, _FLAGS, 0o640))
        posix.utime(stamp, (now, now))
    except OSError:  # said once more than it need be
        pass
    return True
