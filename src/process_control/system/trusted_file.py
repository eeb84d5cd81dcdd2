"""Opens the files that decide what is executed, and refuses those that somebody else could have written.

Lean module: imports nothing but C builtins. The messages about unsafe files are in `untrusted.py`.

A path is walked once, one descriptor after the other, and links are resolved here. So what is opened is what was
checked, even if names are swapped meanwhile.
"""

import posix
import pwd

from process_control.errors import BadConfiguration, NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.errors import Fault

MAX_LINKS = 40
MAX_BYTES = 64 * 1024
PART_SIZE = 8 * 1024

_TYPE = 0o170000
_REGULAR = 0o100000
_LINK = 0o120000
_STICKY = 0o1000

_TO_PASS = posix.O_PATH | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
TO_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW | posix.O_NOCTTY | posix.O_CLOEXEC


class Trust:
    """Who may write: the `owners` (uids), root's group, and the `group` (gid)."""

    __slots__ = ("group", "owners")

    def __init__(self, owners: "tuple[int, ...]", group: "int | None" = None) -> None:
        self.owners = owners
        self.group = group


class Walk:
    """The result of walking a path: an open descriptor, and each directory and link on the way with its status."""

    __slots__ = ("descriptor", "steps")

    def __init__(self, descriptor: int, steps: "list[tuple[str, posix.stat_result]]") -> None:
        self.descriptor = descriptor
        self.steps = steps


def open_directory(path: str) -> Walk:
    """Walk the absolute `path` to a directory, which is the last step. Raises OSError when it leads to none."""
    return _walk(path, _TO_PASS)


def open_file(path: str) -> Walk:
    """Walk the absolute `path` to something that can be read. Raises OSError when it leads to nothing."""
    return _walk(path, TO_READ)


def _walk(path: str, last_flags: int) -> Walk:
    names = [name for name in reversed(path.split("/")) if name not in ("", ".")]
    shown = ""
    links = 0
    here = posix.open("/", _TO_PASS)
    try:
        steps = [("/", posix.fstat(here))]
        while names:
            name = names.pop()
            flags = _TO_PASS if names else last_flags
            try:
                there = posix.open(name, flags, dir_fd=here)
            except OSError:
                target = _link_target(name, here)
                links += 1
                if not target:
                    raise
                if links > MAX_LINKS:
                    raise _too_many_links(path) from None
                steps.append((f"{shown}/{name}", posix.lstat(name, dir_fd=here)))
                names.extend([name for name in reversed(target.split("/")) if name not in ("", ".")])
                if not target.startswith("/"):
                    continue
                there = posix.open("/", _TO_PASS)
                name = ""
            posix.close(here)
            here = there
            shown = _joined(shown, name)
            if flags == _TO_PASS and name:
                steps.append((shown or "/", posix.fstat(here)))
        return Walk(here, steps)
    except BaseException:
        posix.close(here)
        raise


def _too_many_links(path: str) -> OSError:
    import errno

    return OSError(errno.ELOOP, posix.strerror(errno.ELOOP), path)


def _link_target(name: str, directory: int) -> str:
    try:
        return posix.readlink(name, dir_fd=directory)
    except OSError:
        return ""


def _joined(shown: str, name: str) -> str:
    if not name:
        return ""
    return shown[: shown.rfind("/")] if name == ".." and shown else f"{shown}/{name}"


def unsafe_steps(walk: Walk, trust: Trust, *, nearest: "tuple[int, ...]" = ()) -> "list[Fault]":
    """Return what is wrong with the directories and links that lead to a file.

    `nearest` may own them too, but not below a sticky directory such as /tmp, where anybody may create entries.
    """
    faults: list[Fault] = []
    anybody = False
    for path, stat in walk.steps:
        owners = trust.owners if anybody else trust.owners + nearest
        is_link = stat.st_mode & _TYPE == _LINK
        for_anybody = not is_link and bool(stat.st_mode & _STICKY) and bool(stat.st_mode & 0o022)
        if stat.st_uid not in owners:
            faults.append(_fault("owner", path, stat, owners))
        if not is_link and not for_anybody:
            faults.extend(_writable(path, stat, trust))
        anybody = for_anybody or (anybody and is_link)
    return list(dict.fromkeys(faults)) if faults else faults


def unsafe_last_step(walk: Walk) -> "list[Fault]":
    """Return what is wrong with a sticky last directory: it is permitted on the way only."""
    path, stat = walk.steps[-1]
    if stat.st_mode & _STICKY and stat.st_mode & 0o022:
        return [_fault("others" if stat.st_mode & 0o002 else "group", path, stat, ())]
    return []


def unsafe_file(path: str, stat: "posix.stat_result", trust: Trust, descriptor: "int | None" = None) -> "list[Fault]":
    """Return what is wrong with a file: its type, links, owner, mode."""
    if stat.st_mode & _TYPE != _REGULAR:
        return [_fault("type", path, stat, ())]
    faults: list[Fault] = []
    if stat.st_nlink != 1:
        faults.append(_fault("links", path, stat, ()))
    if stat.st_uid not in trust.owners:
        faults.append(_fault("owner", path, stat, trust.owners))
    if stat.st_mode & 0o022:
        faults.extend(_writable(path, stat, trust, descriptor))
    return faults


def _writable(path: str, stat: "posix.stat_result", trust: Trust, descriptor: "int | None" = None) -> "list[Fault]":
    if not stat.st_mode & 0o022:
        return []
    if stat.st_mode & 0o002:
        return [_fault("others", path, stat, ())]
    if _has_access_list(path if descriptor is None else descriptor):
        return [_fault("access list", path, stat, ())]
    if stat.st_gid in (0, trust.group) or _is_private_group(stat.st_gid, stat.st_uid):
        return []
    return [_fault("group", path, stat, ())]


def _has_access_list(file: "str | int") -> bool:
    """Return whether the file has an access list (acl(5)); then the group's bits are the most that it can grant."""
    try:
        return bool(posix.getxattr(file, "system.posix_acl_access"))
    except OSError:
        return False


def _is_private_group(gid: int, owner: int) -> bool:
    """Return whether the owner is the only member of the group. An empty one may be for set-group-ID programs."""
    import grp

    try:
        members = set(grp.getgrgid(gid).gr_mem)
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        return False
    members.update([entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == gid])
    return members == {name}


def _fault(reason: str, path: str, stat: "posix.stat_result", owners: "tuple[int, ...]") -> "Fault":
    from process_control.system.untrusted import fault

    return fault(reason, path, stat, owners)


def read(descriptor: int, path: str) -> bytes:
    """Return the contents of the open file. Raises BadConfiguration beyond 64 KiB, NotPermitted if unreadable."""
    parts = []
    size = 0
    try:
        while part := posix.read(descriptor, PART_SIZE):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise BadConfiguration("the file is larger than 64 KiB", where=path, hint="move data to another file")
            if len(part) < PART_SIZE:
                break  # the end of a regular file
    except OSError as error:
        raise NotPermitted(f"cannot be read: {posix.strerror(error.errno or 0)}", where=path) from error
    return b"".join(parts)
