"""Says of a file system whether it is full, or nearly."""

import os

#: Less than both of these is trouble.
MIN_FREE_BYTES = 100_000_000
MIN_FREE_SHARE = 0.01
#: A disk that was full is well again when it has so much more.
WELL_AGAIN = 2.0


def is_full(path: str, *, was_full: bool = False) -> bool:
    """Return whether the file system of `path` is full, or nearly; False where it cannot be seen.

    `was_full`: it was full before, and needs twice the space to be well again.
    """
    try:
        status = os.statvfs(path)
    except OSError:
        return False
    factor = WELL_AGAIN if was_full else 1.0
    free, whole = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    has_no_inode = status.f_files > 0 and status.f_favail == 0
    return has_no_inode or (free < MIN_FREE_BYTES * factor and free < whole * MIN_FREE_SHARE * factor)


def free_in_words(path: str) -> str:
    """Return `/var: 3 MB of 40,000 MB free`."""
    status = os.statvfs(path)
    free, whole = (count * status.f_frsize // 1_000_000 for count in (status.f_bavail, status.f_blocks))
    return f"{path}: {free:,} MB of {whole:,} MB free"
