"""A lock for those who replace the same small files, and the removal of what they left when they were killed at it.

flock(2) on a file that nobody else may open. See `atomic_file`, which has no lock.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Whoever has it only writes some small files, unless somebody has stopped it.
MAX_WAIT_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.005


@contextmanager
def held(path: str) -> Iterator[None]:
    """Hold the lock during the context. Raises OSError: BlockingIOError when another process keeps it for a second."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


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
    with suppress(BlockingIOError), held(lock):
        for path in _torn(directory):
            os.unlink(path)


def _torn(directory: str) -> list[str]:
    try:
        return [f"{directory}/{name}" for name in os.listdir(directory) if name.endswith(".new")]
    except FileNotFoundError:
        return []
