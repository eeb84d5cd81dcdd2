"""The lock of a job: flock(2) on an open file, which cannot be stale.

Lean module. The file is never unlinked, and what it holds never counts; only the lock on the open descriptor does.
Closing the last descriptor releases it, so a process that inherited the descriptor still holds it.
"""

import fcntl
import posix

from process_control.core import layout
from process_control.errors import CannotRecord, NotPermitted

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC


def take(run_directory: str, name: str, *, wait: bool = False) -> int | None:
    """Return a descriptor that holds the lock `name`, or None when another process holds it.

    With `wait`, wait in the kernel until the lock is free; a signal handler that raises ends the wait. A file that was
    unlinked or replaced between open and lock is opened again. Raises NotPermitted (77) when the lock file is not a
    plain file of ours, CannotRecord (74) when it cannot be made.
    """
    path = layout.lock(run_directory, name)
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            posix.close(descriptor)
            return None
        except BaseException:
            posix.close(descriptor)
            raise
        if _is_still_there(path, descriptor):
            return descriptor
        posix.close(descriptor)


def _open(path: str) -> int:
    try:
        descriptor = posix.open(path, _FLAGS, 0o600)
    except OSError as error:
        import errno

        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EACCES, errno.EPERM):
            raise _unsafe(path, "is a symlink, a directory, or not accessible") from error
        raise CannotRecord(f"cannot open the lock file: {error.strerror}", where=path) from error
    status = posix.fstat(descriptor)
    if (status.st_mode & 0o170000) != 0o100000 or status.st_nlink > 1 or status.st_uid != posix.geteuid():
        posix.close(descriptor)
        raise _unsafe(path, "is not a regular file with one name that belongs to this user")
    return descriptor


def _is_still_there(path: str, descriptor: int) -> bool:
    try:
        there = posix.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = posix.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)


def _unsafe(path: str, what: str) -> NotPermitted:
    return NotPermitted(f"the lock file {what}", where=path, hint=f"remove it, after a look at it: ls -ld {path}")
