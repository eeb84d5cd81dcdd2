"""The directories of process-control: made if they are missing, refused if others may write to them.

Lean module.
"""

import posix

from process_control.core import layout
from process_control.errors import CannotRecord, NotPermitted
from process_control.system.account import Account

_PRIVATE, _READABLE = 0o700, 0o750
_GROUP_READABLE = 0o2750  # set-group-ID: new entries belong to its group, too


def make_as_root(paths: list[tuple[str, int]], account: Account) -> None:
    """While still root: make what is missing for the service user, where only root can change the path."""
    for path, mode in paths:
        try:
            posix.stat(path)
        except FileNotFoundError:
            _make_for(path, mode, account)
        except OSError:
            pass


def _make_for(path: str, mode: int, account: Account) -> None:
    parent = path.rpartition("/")[0] or "/"
    try:
        status = posix.stat(parent)
    except FileNotFoundError:
        _make_for(parent, 0o755, Account("root", 0, 0, "/"))
        status = posix.stat(parent)
    if status.st_uid != 0 or status.st_mode & 0o022:
        return  # somebody else could swap the path under us: left to the service user, after rights were dropped
    try:
        posix.mkdir(path, mode)
        posix.chown(path, account.uid, account.gid, follow_symlinks=False)
        _sync_parent(path)
    except OSError:
        pass


def own_directories(*, state: str, run: str, output: str, group_reads: bool) -> list[tuple[str, int]]:
    """Return (path, mode) of state, journal, run and log directory; `group_reads` when there is a `read_group`."""
    for_state, for_logs = (_GROUP_READABLE, _GROUP_READABLE) if group_reads else (_PRIVATE, _READABLE)
    return [
        (state, for_state),
        (run, _PRIVATE),
        (layout.journal(state), for_state),
        (output, for_logs),
    ]


def ensure(paths: list[tuple[str, int]]) -> None:
    """Make missing directories, and refuse those that others may write to; called as the user that jobs run as.

    Raises NotPermitted (77) with the command that fixes it, CannotRecord (74) when the disk is full or read-only.
    """
    uid = posix.geteuid()
    for path, mode in paths:
        try:
            status = posix.stat(path)
        except FileNotFoundError:
            _make(path, mode)
            continue
        except OSError as error:
            raise NotPermitted(f"cannot look into it: {error.strerror}", where=path) from error
        if (status.st_mode & 0o170000) != 0o040000:
            raise NotPermitted("is not a directory", where=path, hint=f"look at it: ls -ld {path}")
        if status.st_uid not in (0, uid) or status.st_mode & 0o002:
            raise NotPermitted(
                "belongs to another user, or everybody can write to it",
                where=path,
                hint=f"sudo chown {uid} {path} && sudo chmod {mode:o} {path}",
            )


def _make(path: str, mode: int) -> None:
    from process_control.system.atomic_file import make_directory

    mode_above = _PRIVATE if mode == _PRIVATE else 0o755
    try:
        make_directory(path, mode, mode_above=mode_above)
    except PermissionError as error:
        missing = str(error.filename or path)
        mode = mode if missing == path else mode_above
        raise NotPermitted(
            "the directory does not exist and cannot be made",
            where=missing,
            hint=f"sudo install -d -o {posix.geteuid()} -m {mode:04o} {missing}",
        ) from error
    except OSError as error:
        raise CannotRecord(f"the directory cannot be made: {error.strerror}", where=error.filename or path) from error


def _sync_parent(path: str) -> None:
    """Sync the parent directory of `path`. Raises OSError."""
    from process_control.system.atomic_file import sync_parent

    sync_parent(path)
