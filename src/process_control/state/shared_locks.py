"""Record which jobs share a named lock.

Lean module, loaded for jobs with the key lock.
"""

import posix

from process_control.core import layout
from process_control.errors import CannotRecord
from process_control.system.atomic_file import make_directory

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def share_lock(state_directory: str, lock: str, slug: str) -> None:
    """Record that this job runs under a lock that other jobs may use too. Raises CannotRecord (74)."""
    directory = layout.shared_lock(state_directory, lock)
    try:
        make_directory(directory, 0o750)
        posix.close(posix.open(layout.sharer(state_directory, lock, slug), _FLAGS, 0o600))
    except OSError as error:
        raise CannotRecord(f"the shared lock cannot be recorded: {error.strerror}", where=directory) from error
