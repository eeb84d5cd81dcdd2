"""Files and directories that commands make for people: never in the place of anything that is there."""

import os
from pathlib import Path

from process_control.errors import BadConfiguration, CannotRecord, NotPermitted
from process_control.system.replace import create


def write_new(path: Path, text: bytes, *, sudo: str, mode: int = 0o644, gid: int = -1) -> bool:
    """Write a new file, the whole of it or none, and return True; False when something is there already.

    `sudo` is the command for whoever may not; `gid` the group that it gets. Raises NotPermitted (77), or CannotRecord
    (74) when the disk is full or read-only.
    """
    if os.path.lexists(path):
        return False
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        return create(os.path.abspath(path), text, mode=mode, gid=gid)
    except PermissionError as error:
        raise NotPermitted(f"cannot write: {error.strerror}", where=str(path), hint=f"sudo {sudo}") from error
    except OSError as error:
        raise CannotRecord(f"cannot write: {error.strerror}", where=str(path)) from error


def make_directory(path: Path) -> bool:
    """Make a directory that all may enter, and return True; False when it is there.

    Raises NotPermitted (77), or CannotRecord (74) when the disk is full or read-only.
    """
    if path.is_dir():
        return False
    try:
        path.mkdir(mode=0o755, parents=True)
    except PermissionError as error:
        hint = f"sudo install -d -m 0755 {path}"
        raise NotPermitted(f"cannot make it: {error.strerror}", where=str(path), hint=hint) from error
    except FileExistsError as error:
        raise BadConfiguration("is not a directory", where=str(path), hint="set job_directory to one") from error
    except OSError as error:
        raise CannotRecord(f"cannot make it: {error.strerror}", where=str(path)) from error
    path.chmod(0o755)
    return True
