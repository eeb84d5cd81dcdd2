"""A file that others read while it is written: read as it stands, replaced whole and durably, by rename.

The directory is opened once, the file in it never through a link.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, ProcessControlError

LARGEST_FILE = 16 << 20
_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TO_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The file as it stands: its bytes, and what about it is wrong although they are right, in words."""

    content: bytes
    wrong: str | None


@contextmanager
def directory_of(path: str) -> Iterator[int]:
    """Open the directory that `path` lies in. Raises BadConfiguration (78) when it is not there."""
    directory = os.path.dirname(path)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BadConfiguration("the directory does not exist", where=directory, mend="make it") from error
    except OSError as error:
        raise _refusal(error, directory) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_standing(path: str, *, mode: int) -> Standing | None:
    """Return the file as it stands, None when there is none.

    Raises NotPermitted (77) for anything but a plain file: to replace a link would leave what it points to as it is.
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
        return Standing(content=file.read(LARGEST_FILE), wrong=_wrong(status, mode))


def replace(path: str, content: bytes, *, mode: int) -> None:
    """Write `content` under a name that begins with a dot, sync it, rename it to `path`, and sync the directory.

    Raises NotPermitted (77), or CannotRecord (74) when the disk is full or read-only; then `path` is as it was.
    """
    name = os.path.basename(path)
    passing = f".{name[:200]}.{os.urandom(6).hex()}"
    with directory_of(path) as directory:
        try:
            _write(passing, content, mode, directory)
            os.rename(passing, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            with suppress(OSError):
                os.unlink(passing, dir_fd=directory)
            raise _refusal(error, path) from error


def _write(name: str, content: bytes, mode: int, directory: int) -> None:
    descriptor = os.open(name, _TO_MAKE, 0o600, dir_fd=directory)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"))
    kind = next((words for is_kind, words in kinds if is_kind(mode)), "no plain file")
    mend = f"name the file itself: {os.path.realpath(path)}" if kind == "a link" else "move it away, or name another"
    raise NotPermitted(f"is {kind}, and is not replaced", where=path, mend=mend)


def _wrong(status: os.stat_result, mode: int) -> str | None:
    """Return what makes others distrust the file: mode, owner, a second name."""
    if stat.S_IMODE(status.st_mode) != mode:
        return f"its mode was {stat.S_IMODE(status.st_mode):04o}"
    if status.st_uid != os.geteuid():
        return f"it belonged to user {status.st_uid}"
    return "it had a second name (a hard link)" if status.st_nlink != 1 else None


def _refusal(error: OSError, path: str) -> ProcessControlError:
    what = f"cannot be written: {error.strerror}"
    if isinstance(error, PermissionError):
        return NotPermitted(what, where=path)
    if isinstance(error, NotADirectoryError):
        return BadConfiguration(what, where=path)
    return CannotRecord(what, where=path)
