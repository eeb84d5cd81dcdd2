"""Small records, replaced whole: by `write` they are on the disk when it returns, and survive a power cut.

Lean module. A rename is durable only once the directory is synced, and so is a new file or directory. Whoever writes a
record has a lock of its own: two writers of one path would share `PATH.new`.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC


def write(path: str, data: bytes, *, mode: int = 0o640) -> None:
    """Put `data` in the place of what is there, durably. Raises OSError; then `path` is as it was, or is the new one.

    It is the new one, and a power cut may take it back, only when the directory itself could not be synced.
    """
    _write(path, data, mode, posix.fdatasync)
    sync_directory(path.rpartition("/")[0])


def write_unsynced(path: str, data: bytes, *, mode: int) -> None:
    """As `write`, for what a power cut may take: nobody waits for the disk. Raises OSError."""
    _write(path, data, mode, None)


def _write(path: str, data: bytes, mode: int, sync: "Callable[[int], None] | None") -> None:
    new = f"{path}.new"
    descriptor = posix.open(new, _NEW, mode)
    try:
        while data:
            data = data[posix.write(descriptor, data) :]
        if sync is not None:
            sync(descriptor)
    except OSError:
        posix.unlink(new)
        raise
    finally:
        posix.close(descriptor)
    posix.rename(new, path)


def make_directory(path: str, mode: int, *, mode_above: int | None = None) -> None:
    """Make a directory, and those above it that are missing, durably. Nothing is done when it is there.

    `mode_above` is the mode of those above, None for the same. Raises OSError with the path that could not be made.
    """
    try:
        posix.mkdir(path, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        above = mode if mode_above is None else mode_above
        make_directory(path.rpartition("/")[0] or "/", above)
        make_directory(path, mode)
        return
    sync_parent(path)


def sync_parent(path: str) -> None:
    """Make the entry `path` of its directory durable, where we may read that directory."""
    try:
        sync_directory(path.rpartition("/")[0] or "/")
    except PermissionError:
        pass


def sync_directory(path: str) -> None:
    """Raises OSError."""
    descriptor = posix.open(path, _DIRECTORY)
    try:
        posix.fsync(descriptor)
    finally:
        posix.close(descriptor)
