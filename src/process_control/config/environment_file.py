"""Reads files of `KEY=value` lines, which hold a job's secrets.

Lean module. Values are taken as written, but for one pair of quotes around the whole value.
"""

import errno
import posix

from process_control.errors import BadConfiguration, NotPermitted

_LIMIT = 1 << 20
_FLAGS = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_NAME_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _NAME_START | frozenset("0123456789")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MIN_SECRET_LENGTH = 8


def read_environment_file(path: str) -> dict[str, str]:
    """Return the variables in `path`.

    Raises NotPermitted (77) unless it is a plain file of root's or of ours with mode 0600 or 0640 (or stricter),
    BadConfiguration (78) when it is missing or lines are not KEY=value; all such lines are named at once.
    """
    text = read_secret_file(path, what="environment file")
    variables: dict[str, str] = {}
    faults = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not _is_name(name) or "\0" in value:
            faults.append(number)
            continue
        variables[name] = _unquoted(value.strip())
    if faults:
        # The text of the line is not shown: it may hold a secret.
        raise BadConfiguration(
            f"{'line' if len(faults) == 1 else 'lines'} {', '.join(map(str, faults))}: not KEY=value",
            where=f"{path}:{faults[0]}",
            hint="write one KEY=value a line, comments begin with #",
        )
    return variables


def read_secret_file(path: str, *, what: str) -> str:
    """Return the text of a file that holds secrets; `what` names it in messages. Raises as `read_environment_file`."""
    try:
        descriptor = posix.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPermitted(f"the {what} is a symlink", where=path, hint=_hint_for_link(path, what)) from error
        if error.errno == errno.EACCES:
            raise NotPermitted(f"no permission to read the {what}", where=path) from error
        key = what.replace(" ", "_")
        hint = f"create it with mode 0600, or remove '{key}'" if error.errno == errno.ENOENT else ""
        raise BadConfiguration(f"{key}: {error.strerror}", where=path, hint=hint) from error
    try:
        status = posix.fstat(descriptor)
        if (status.st_mode & 0o170000) != 0o100000:
            raise NotPermitted(f"the {what} is not a regular file", where=path)
        if status.st_mode & 0o137:
            mode = f"{status.st_mode & 0o7777:04o}"
            raise NotPermitted(
                f"the {what} has mode {mode}: others could read or change it",
                where=path,
                hint=f"chmod 0600 {path}",
            )
        if status.st_uid not in (0, posix.geteuid()):
            raise NotPermitted(
                f"the {what} must belong to root or to the user that jobs run as",
                where=path,
                hint=f"chown {posix.geteuid()} {path}",
            )
        parts = []
        while chunk := posix.read(descriptor, _LIMIT):
            parts.append(chunk)
            if sum(map(len, parts)) > _LIMIT:
                raise BadConfiguration(f"the {what} is larger than 1 MiB", where=path)
    finally:
        posix.close(descriptor)
    text = b"".join(parts)
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadConfiguration(f"the {what} is UTF-16", where=path, hint="save it as UTF-8")
    return text.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")


def _hint_for_link(path: str, what: str) -> str:
    """Return the hint for a link; a mounted Secret has each file as a link into `..data`."""
    directory, _, name = path.rpartition("/")
    try:
        is_mounted = posix.readlink(path).startswith("..data/")
    except OSError:
        is_mounted = False
    key = what.replace(" ", "_")
    return f"for a mounted Secret write {key}: {directory}/..data/{name}" if is_mounted else "name the file itself"


def _is_name(name: str) -> bool:
    return bool(name) and name[0] in _NAME_START and not set(name) - _NAME and not name.startswith("PROCESS_CONTROL_")


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
