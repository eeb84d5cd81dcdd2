"""Post that a disk is full when `watch` itself cannot write: once, though nothing can be remembered then.

Only the time of a file can still be changed.
"""

import errno
import os
from contextlib import suppress

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.causes import Cause
from process_control.notify.host_events import HostEvents
from process_control.state.watch_memory import Memory, Trouble
from process_control.system.clock import iso

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def post_if_full(settings: Settings, events: HostEvents, error: OSError) -> None:
    """Post a full disk when that is why a check could not write, unless it was posted since the last good check."""
    if error.errno not in _NO_SPACE:
        return
    state_directory = settings.state_directory
    stamp = layout.disk_full_stamp(state_directory)
    try:
        since = os.stat(layout.watch_note(state_directory)).st_mtime
        if os.stat(stamp).st_mtime == since:
            return
        os.utime(stamp, (since, since))
    except OSError:  # no check was ever good: it is posted at each
        since = 0.0
    what = f"{error.filename or state_directory} cannot be written: {error.strerror}"
    events.of_host(Cause.DISK_FULL, f"{Cause.DISK_FULL}~{iso(since)}", what, since=iso(since))
    events.deliver()


def remember_if_posted(settings: Settings, memory: Memory) -> None:
    """Take what a check has posted that could not write into the memory. Raises OSError."""
    stamp = layout.disk_full_stamp(settings.state_directory)
    try:
        posted = os.stat(stamp).st_mtime
    except FileNotFoundError:
        with open(stamp, "ab"):
            pass
        posted = -1.0
    if posted > 0:
        since = iso(posted)
        memory.troubles[Cause.DISK_FULL] = Trouble(since=since, seen_at=since, is_open=True)
    if posted:
        with suppress(OSError):
            os.utime(stamp, (0, 0))
