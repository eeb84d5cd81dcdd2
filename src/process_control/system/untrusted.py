"""Messages about files that are not safe to trust: the reason, and the command that fixes it."""

import grp
import posix
import pwd
import stat as modes

from process_control.errors import Fault

KINDS = {
    modes.S_IFLNK: "a symbolic link",
    modes.S_IFDIR: "a directory",
    modes.S_IFIFO: "a FIFO",
    modes.S_IFSOCK: "a socket",
    modes.S_IFCHR: "a device",
    modes.S_IFBLK: "a device",
}


def fault(reason: str, path: str, stat: "posix.stat_result", owners: tuple[int, ...]) -> Fault:
    """Return the fault for `reason`: type, links, owner, others, group or access list."""
    import shlex  # not for files that are as they should be

    argument = shlex.quote(path)
    mode = f"mode {modes.S_IMODE(stat.st_mode):04o}"
    if reason == "type":
        kind = KINDS.get(modes.S_IFMT(stat.st_mode), "not a file")
        return Fault(f"{kind}, not a regular file", where=shown(path), hint=_hint_for_link(path))
    if reason == "links":
        hint = f"cp -p {argument} {argument}.new && mv {argument}.new {argument}"
        return Fault(f"has {stat.st_nlink} names (hard links), but must have one", where=shown(path), hint=hint)
    if reason == "owner":
        wanted = [user_name(uid) for uid in dict.fromkeys(owners)]
        what = f"owned by '{user_name(stat.st_uid)}', must be owned by {_either(wanted)}"
        dash = "-h " if modes.S_ISLNK(stat.st_mode) else ""
        return Fault(what, where=shown(path), hint=f"chown {dash}{wanted[0]} {argument}")
    if reason == "others":
        return Fault(f"writable by others ({mode})", where=shown(path), hint=f"chmod go-w {argument}")
    if reason == "access list":
        what = f"writable by an access list ({mode})"
        return Fault(what, where=shown(path), hint=f"setfacl -b {argument} && chmod go-w {argument}")
    return Fault(
        f"writable by group '{group_name(stat.st_gid)}' ({mode})",
        where=shown(path),
        hint=f"if you trust the group, set 'trusted_group' in the configuration; else: chmod g-w {argument}",
    )


def _hint_for_link(path: str) -> str:
    """Return the hint for a link. A ConfigMap is mounted with each file as a link into `..data`."""
    directory, _, _ = path.rpartition("/")
    try:
        target = posix.readlink(path)
    except OSError:
        target = ""
    if target.startswith("..data/"):
        return f"a mounted ConfigMap: name the directory that it links to, job_directory: {shown(directory)}/..data"
    return "put the file itself there"


def shown(path: str) -> str:
    """Return `path` for a message; escaped if it has unprintable characters."""
    return path if path.isprintable() else repr(path)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _either(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"
