"""Replaces small records atomically. After `write` returns, the record survives a power cut.

Lean module. A rename, and a new file or directory, is durable only once the parent directory is synced, see fsync(2).
The caller has a lock for the record: two writers of one path would share `PATH.new`.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC


def write(path: str, data: bytes, *, mode: int = 0o640) -> None:
    """Replace the contents of `path` by `data`, durably. Raises OSError; then `path` is usually unchanged.

    If only the sync of the directory failed, it has the new contents, which a power cut may revert.
    """
    _write(path, data, mode, posix.fdatasync)
    sync_directory(path.rpartition("/")[0])


def write_unsynced(path: str, data: bytes, *, mode: int) -> None:
    """Replace the contents of `path` without waiting for the disk: a power cut may lose them. Raises OSError."""
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
    """Sync the parent directory of `path`, if we may read it. Raises OSError."""
    try:
        sync_directory(path.rpartition("/")[0] or "/")
    except PermissionError:
        pass


def sync_directory(path: str) -> None:
    """Sync a directory, so that renames and new entries in it are durable. Raises OSError."""
    descriptor = posix.open(path, _DIRECTORY)
    try:
        posix.fsync(descriptor)
    finally:
        posix.close(descriptor)
