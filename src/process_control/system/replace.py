"""Replaces a file that others read at any time: atomically and durably, by rename.

The directory is opened once, the file in it never through a link.
"""

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, NotStarted, ProcessControlError

MAX_BYTES = 16 << 20
#: For the lock of a directory, which whoever can open it can hold.
MAX_WAIT_SECONDS = 10.0
_RETRY_SECONDS = 0.05
_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_RANDOM_PART = re.compile("[0-9a-f]{12}")
_TO_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingFile:
    """The file as it is now."""

    content: bytes
    #: what is wrong besides the content (mode, owner, a second name), in words
    wrong: str | None
    #: of the file: its permissions, without set-user-ID, set-group-ID and sticky bit
    mode: int = 0o600
    uid: int = -1
    gid: int = -1


@contextmanager
def directory_of(path: str) -> Iterator[int]:
    """Open the directory of `path`. Raises BadConfiguration (78) when it does not exist."""
    directory = os.path.dirname(path)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BadConfiguration("the directory does not exist", where=directory, hint="make it") from error
    except OSError as error:
        raise _refusal(error, directory) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_directory(directory: str, max_seconds: float = MAX_WAIT_SECONDS) -> Iterator[None]:
    """Wait until nobody else changes the files of a directory by this function, and keep them away.

    Raises NotStarted (75) when somebody else holds it for longer than `max_seconds`.
    """
    with directory_of(f"{directory}/") as descriptor:
        until = time.monotonic() + max_seconds
        while not _is_locked_now(descriptor):
            if time.monotonic() >= until:
                raise NotStarted("is locked by another process", where=directory, hint=f"try again; fuser {directory}")
            time.sleep(_RETRY_SECONDS)
        yield


def _is_locked_now(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_existing(path: str, *, mode: int) -> ExistingFile | None:
    """Return the file as it is now; None when there is none.

    Raises NotPermitted (77) for anything but a plain file: replacing a link would not change its target.
    """
    with directory_of(path) as directory:
        name = os.path.basename(path)
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            _check_kind(path, status.st_mode)
            descriptor = os.open(name, _TO_READ, dir_fd=directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refusal(error, path) from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_kind(path, status.st_mode)
        return ExistingFile(
            content=file.read(MAX_BYTES),
            wrong=_wrong(status, mode),
            mode=status.st_mode & 0o777,
            uid=status.st_uid,
            gid=status.st_gid,
        )


def remove(path: str) -> None:
    """Remove a file, durably; a link, not what it names. Raises as `replace` does."""
    with directory_of(path) as directory:
        try:
            with suppress(FileNotFoundError):
                os.unlink(os.path.basename(path), dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            raise _refusal(error, path) from error


def replace(path: str, content: bytes, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Write `content` under a name that begins with a dot, sync it, rename it to `path`, and sync the directory.

    The file belongs to `uid` and `gid`, each where it is not -1. Temporary files of killed writers are removed. Raises
    NotPermitted (77), or CannotRecord (74) when the disk is full or read-only; then `path` is unchanged.
    """
    name = os.path.basename(path)
    temporary = f".{name[:200]}.{os.urandom(6).hex()}"
    with directory_of(path) as directory:
        _remove_what_was_left(f".{name[:200]}.", directory)
        try:
            with _locked(temporary, directory) as file:
                _fill(file, content, mode=mode, uid=uid, gid=gid)
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise _refusal(error, path) from error


def remove_leftovers(path: str) -> None:
    """Remove the temporary files of killed writers of `path`, as far as we may. One that is being written stays."""
    beginning = f".{os.path.basename(path)[:200]}."
    with directory_of(path) as directory, suppress(OSError):
        _remove_what_was_left(beginning, directory)


def _fill(file: BinaryIO, content: bytes, *, mode: int, uid: int, gid: int) -> None:
    """Write and sync the temporary file, and give it its owner and mode."""
    file.write(content)
    file.flush()
    os.fchown(file.fileno(), uid, gid)
    os.fchmod(file.fileno(), mode)
    os.fsync(file.fileno())


def create(path: str, content: bytes, *, mode: int, gid: int = -1) -> bool:
    """Make a new file as `replace` does; False when something has that name, and stays as it is. Raises OSError."""
    name = os.path.basename(path)
    temporary = f".{name[:200]}.{os.urandom(6).hex()}"
    with directory_of(path) as directory:
        _remove_what_was_left(f".{name[:200]}.", directory)
        try:
            with _locked(temporary, directory) as file:
                _fill(file, content, mode=mode, uid=-1, gid=gid)
                os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
        os.fsync(directory)
    return True


def _locked(name: str, directory: int) -> BinaryIO:
    """Create the file, locked until it is closed: a file whose writer was killed is not locked."""
    while True:
        descriptor = os.open(name, _TO_MAKE, 0o600, dir_fd=directory)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return open(descriptor, "wb")
        os.close(descriptor)  # another process removed it before it was locked


def _remove_what_was_left(beginning: str, directory: int) -> None:
    for name in os.listdir(directory):
        if name.startswith(beginning) and _RANDOM_PART.fullmatch(name.removeprefix(beginning)):
            with suppress(OSError):  # it is being written, or is not ours
                _remove_unlocked(name, directory)


def _remove_unlocked(name: str, directory: int) -> None:
    descriptor = os.open(name, _TO_READ, dir_fd=directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"))
    kind = next((words for is_kind, words in kinds if is_kind(mode)), "no plain file")
    hint = (
        f"name the file itself: {os.path.realpath(path)}" if kind == "a link" else "move it away, or use another path"
    )
    raise NotPermitted(f"is {kind}, so it is not replaced", where=path, hint=hint)


def _wrong(status: os.stat_result, mode: int) -> str | None:
    """Return what makes others distrust the file: mode, owner, a second name."""
    if stat.S_IMODE(status.st_mode) != mode:
        return f"its mode was {stat.S_IMODE(status.st_mode):04o}"
    if status.st_uid != os.geteuid():
        return f"it belonged to user {status.st_uid}"
    return "it had a second name (hard link)" if status.st_nlink != 1 else None


def _refusal(error: OSError, path: str) -> ProcessControlError:
    what = f"cannot be written: {error.strerror}"
    if isinstance(error, PermissionError):
        return NotPermitted(what, where=path)
    if isinstance(error, NotADirectoryError):
        return BadConfiguration(what, where=path)
    return CannotRecord(what, where=path)
