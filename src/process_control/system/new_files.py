"""Files and directories that commands make for people: never in the place of anything that is there."""

import os
from contextlib import suppress
from pathlib import Path

from process_control.errors import BadConfiguration, CannotRecord, NotPermitted


def write_new(path: Path, text: bytes, *, sudo: str, mode: int = 0o644, gid: int = -1) -> bool:
    """Write a new file and return True; False when something is there already.

    `sudo` is the command for whoever may not; `gid` the group that it gets. Raises NotPermitted (77), and
    CannotRecord (74) when the disk is full; then it is not there.
    """
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except PermissionError as error:
        raise NotPermitted(f"cannot write: {error.strerror}", where=str(path), hint=f"sudo {sudo}") from error
    try:
        with open(handle, "wb") as file:
            os.fchown(handle, -1, gid)
            os.fchmod(handle, mode)
            file.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise CannotRecord(f"cannot be written: {error.strerror}", where=str(path)) from error
    return True


def make_directory(path: Path) -> bool:
    """Make a directory that all may enter, and return True; False when it is there. Raises NotPermitted (77)."""
    if path.is_dir():
        return False
    try:
        path.mkdir(mode=0o755, parents=True)
    except PermissionError as error:
        hint = f"sudo install -d -m 0755 {path}"
        raise NotPermitted(f"cannot make it: {error.strerror}", where=str(path), hint=hint) from error
    except FileExistsError as error:
        raise BadConfiguration("is not a directory", where=str(path), hint="set job_directory to one") from error
    path.chmod(0o755)
    return True
