"""A lock for those who replace the same small files, and the removal of what they left when they were killed at it.

Lean module. flock(2) on a file that nobody else may open. See `atomic_file`, which has no lock.
"""

import fcntl
import posix
import time

#: Whoever has it only writes some small files, unless somebody has stopped it.
MAX_WAIT_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.005


_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC


class held:  # noqa: N801  a context manager, which is called like a function
    """Hold the lock during the context. Raises OSError: BlockingIOError when another process keeps it for a second."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = posix.open(self._path, _FLAGS, 0o600)
        try:
            _lock(self._descriptor)
        except BaseException:
            posix.close(self._descriptor)
            raise

    def __exit__(self, *_: object) -> None:
        posix.close(self._descriptor)


def _lock(descriptor: int) -> None:
    until = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
        else:
            return
        time.sleep(_LOOK_AGAIN_SECONDS)


def remove_torn(directory: str, lock: str) -> None:
    """Remove what writers that were killed have not renamed; the next time, when somebody is writing just now.

    Raises OSError.
    """
    if not _torn(directory):
        return
    try:
        with held(lock):
            for path in _torn(directory):
                posix.unlink(path)
    except BlockingIOError:
        pass


def _torn(directory: str) -> list[str]:
    try:
        return [f"{directory}/{name}" for name in posix.listdir(directory) if name.endswith(".new")]
    except FileNotFoundError:
        return []
