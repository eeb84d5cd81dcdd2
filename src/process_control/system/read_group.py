"""Gives the members of `read_group` read access to state and logs: directories belong to that group, and pass it on.

Lean module, imported only with a `read_group`. Nothing is writable for the group, and files for the owner alone (mode
0600) stay so: whoever can open a lock file can lock it.
"""

import posix

from process_control.core import layout

_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
_FILE = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_MODE = 0o2750
_CLOSED = (layout.RUN, layout.SPOOL, layout.SHORT_LOCK, layout.RECOVERY_LOCK)


def open_to_group(paths: list[str], *, owner: int, group: int) -> None:
    """Give these directories to `group`, with their contents if they did not belong to the group yet.

    Only what belongs to `owner` is changed, as far as we may. Called as root or as the owner.
    """
    if posix.geteuid() != 0 and group not in (posix.getegid(), *posix.getgroups()):
        return
    for path in paths:
        try:
            descriptor = posix.open(path, _DIRECTORY)
        except OSError:  # it is made later, or we may not read it
            continue
        try:
            _open_directory(descriptor, owner, group)
        except OSError:
            pass
        finally:
            posix.close(descriptor)


def _open_directory(descriptor: int, owner: int, group: int) -> None:
    status = posix.fstat(descriptor)
    if status.st_uid != owner or (status.st_gid == group and status.st_mode & 0o7777 == _MODE):
        return
    for name in posix.listdir(descriptor):
        if name not in _CLOSED:
            _open_entry(descriptor, name, owner, group)
    posix.fchown(descriptor, -1, group)  # last: the next start repeats an interrupted walk
    posix.fchmod(descriptor, _MODE)


def _open_entry(directory: int, name: str, owner: int, group: int) -> None:
    """Give one entry to the group. A link, or a file with two names, may be another user's: it is not changed."""
    try:
        descriptor = posix.open(name, _FILE, dir_fd=directory)
    except OSError:
        return
    try:
        status = posix.fstat(descriptor)
        kind = status.st_mode & 0o170000
        if kind == 0o040000:
            _open_directory(descriptor, owner, group)
        elif kind == 0o100000 and status.st_uid == owner and status.st_nlink == 1 and status.st_mode & 0o077:
            posix.fchown(descriptor, -1, group)
            posix.fchmod(descriptor, 0o640)
    finally:
        posix.close(descriptor)
