"""Opens a regular file to read it. A FIFO or a device in its place is refused, and never waited for.

Lean module.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

TO_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


def open_plain(path: str) -> "BinaryIO":
    """Return `path` opened to be read. Raises OSError, also for what is no regular file."""
    descriptor = posix.open(path, TO_READ)
    if posix.fstat(descriptor).st_mode & 0o170000 != 0o100000:  # S_IFMT, S_IFREG
        posix.close(descriptor)
        import errno

        raise OSError(errno.EINVAL, "not a regular file", path)
    return open(descriptor, "rb")
