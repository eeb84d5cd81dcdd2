"""Writes the cache of parsed files. A cache that cannot be written is no fault: the file is parsed again.

Imported by a start that has just parsed something, so it uses `posix` like the lean modules.
"""

import fcntl
import posix
from typing import Any

from process_control.config.cache.read import SYSTEM_CACHE, open_place, stamp
from process_control.system.json_text import encode

MAX_FILES = 20_000

_MAKE_FILE = posix.O_WRONLY | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def write(directories: list[str], name: str, value: dict[str, Any]) -> None:
    """Write `value` as the cache file `name` in the first directory that is ours; the last one is made if none is."""
    try:
        text = encode({"made_by": stamp(), **value})
    except (TypeError, ValueError):
        return
    write_text(directories, name, text)


def write_text(directories: list[str], name: str, text: str) -> None:
    """Do as `write` for a text that is JSON in ASCII already."""
    try:
        descriptor = _first_place(directories)
        if descriptor is None:
            return
        try:
            _sweep(descriptor)
            _write(descriptor, name, text.encode("ascii"))
        finally:
            posix.close(descriptor)
    except OSError:
        return


def _first_place(directories: list[str]) -> int | None:
    for directory in directories:
        descriptor = open_place(directory)
        if descriptor is not None:
            return descriptor
    if not directories:
        return None
    _make(directories[-1])
    return open_place(directories[-1])


def _make(path: str) -> None:
    mode = 0o755 if SYSTEM_CACHE in path else 0o700
    parents = path.split("/")[1:-1]
    for depth in range(1, len(parents) + 1):
        _make_directory("/" + "/".join(parents[:depth]), mode)
    _make_directory(path, 0o700)


def _make_directory(path: str, mode: int) -> None:
    try:
        posix.mkdir(path, 0o700)
    except OSError:
        return
    posix.chmod(path, mode)  # whatever the umask is


def make_place_for(uid: int, gid: int, root: str = "") -> None:
    """Make the cache directory of the service user, as root. Failing is no fault."""
    path = f"{root}{SYSTEM_CACHE}/{uid}"
    try:
        _make_directory(f"{root}{SYSTEM_CACHE}", 0o755)
        posix.mkdir(path, 0o700)
        posix.chown(path, uid, gid, follow_symlinks=False)
    except OSError:
        return


def _write(directory: int, name: str, text: bytes) -> None:
    """Replace the file, unless another process is doing so. The remains of a killed writer are overwritten."""
    temporary = f".{name}.new"
    descriptor = posix.open(temporary, _MAKE_FILE, 0o600, dir_fd=directory)
    try:
        if not _is_for_us_alone(descriptor, temporary, directory):
            return
        try:
            posix.ftruncate(descriptor, 0)
            posix.fchmod(descriptor, 0o600)
            while text:
                text = text[posix.write(descriptor, text) :]
            posix.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            posix.unlink(temporary, dir_fd=directory)
            raise
    finally:
        posix.close(descriptor)


def _is_for_us_alone(descriptor: int, name: str, directory: int) -> bool:
    """Lock the open file. False when another process holds it, or has renamed it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return posix.stat(name, dir_fd=directory, follow_symlinks=False).st_ino == posix.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _sweep(directory: int) -> None:
    """Empty the directory when entries of jobs that are long gone have filled it.

    One write in 64 looks: with a file for each of thousands of jobs, each look reads thousands of names.
    """
    if posix.urandom(1)[0] % 64:
        return
    names = posix.listdir(directory)
    if len(names) > MAX_FILES:
        for name in names:
            posix.unlink(name, dir_fd=directory)
