"""Reads the cache of parsed files: configuration and job, as JSON beside the source that they were parsed from.

Lean module: imports C builtins and `json_text`. An entry is valid only if its source is byte for byte what was just
read: no timestamps, no race. In any doubt the file is parsed again. `write.py` writes the cache.

The directory belongs to the reading user alone: whoever could write there could choose what root runs.
"""

import posix
import pwd
import sys

import process_control
from process_control.core.job import FIELDS_VERSION
from process_control.system.json_text import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM_CACHE = "/var/cache/process-control"
MAX_TAIL = 120
ZONE_DIRECTORIES = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")

_OPEN_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
_OPEN_FILE = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC


def stamp() -> str:
    """Return what the parsed values depend on: the versions of package, readers and Python (for its regexes)."""
    return f"{process_control.__version__} {FIELDS_VERSION} {sys.implementation.cache_tag}"


def file_name(named: str, slug: str) -> str:
    """Return the name of the cache file: `named` is the path of the configuration or "", `slug` is the job or ""."""
    return f"{slug}@{named[-MAX_TAIL:].replace('/', '~')}.json"  # two that clash only parse more often


def places(uid: int, environ: "dict[bytes, bytes]", root: str = "") -> "list[str]":
    """Return the directories where the cache of `uid` may be, in the order to try them.

    `environ` is that user's own environment, or empty: then the home is that of the password file.
    """
    system = f"{root}{SYSTEM_CACHE}/{uid}"
    if uid == 0:
        return [system]
    base = environ.get(b"XDG_CACHE_HOME", b"")
    if not base.startswith(b"/"):
        home = environ.get(b"HOME", b"")
        if not home.startswith(b"/"):
            try:
                home = pwd.getpwuid(uid).pw_dir.encode("utf-8", "surrogateescape")
            except KeyError:
                return [system]
        base = home + b"/.cache"
    return [system, base.decode("utf-8", "surrogateescape") + "/process-control"]


def read(directories: "list[str]", name: str) -> "dict[str, Any] | None":
    """Return the contents of the cache file; None when there is none, or it cannot be trusted."""
    for directory in directories:
        descriptor = open_place(directory)
        if descriptor is None:
            continue
        try:
            return _read(descriptor, name)
        except (OSError, ValueError):
            return None
        finally:
            posix.close(descriptor)
    return None


def open_place(directory: str) -> "int | None":
    """Return a descriptor of the directory; None unless it belongs to us alone."""
    try:
        descriptor = posix.open(directory, _OPEN_DIRECTORY)
    except OSError:
        return None
    stat = posix.fstat(descriptor)
    if stat.st_uid == posix.geteuid() and not stat.st_mode & 0o077:
        return descriptor
    posix.close(descriptor)
    return None


def _read(directory: int, name: str) -> "dict[str, Any] | None":
    descriptor = posix.open(name, _OPEN_FILE, dir_fd=directory)
    try:
        stat = posix.fstat(descriptor)
        if stat.st_mode != 0o100600 or stat.st_nlink != 1 or stat.st_uid != posix.geteuid():
            return None
        parts = []
        while part := posix.read(descriptor, stat.st_size + 1):
            parts.append(part)
    finally:
        posix.close(descriptor)
    value = decode(b"".join(parts).decode("ascii"))
    return value if isinstance(value, dict) and value.get("made_by") == stamp() else None


def zone_is_known(time_zone: "str | None") -> bool:
    """Return whether the host has the zone. False also when Python may find it elsewhere: then the parser decides."""
    return time_zone is None or zone_stamp(time_zone)[2] is not None


def zone_stamp(time_zone: "str | None") -> "list[Any]":
    """Return what planned times depend on besides the job: host name, zone, and inode, size and time of its file."""
    host = posix.uname().nodename
    if time_zone is None:
        try:
            link = posix.readlink("/etc/localtime")
        except OSError:
            link = ""
        return [host, link, _file_stamp("/etc/localtime")]
    for directory in ZONE_DIRECTORIES:
        found = _file_stamp(f"{directory}/{time_zone}")
        if found is not None:
            return [host, time_zone, found]
    return [host, time_zone, None]


def _file_stamp(path: str) -> "list[int] | None":
    try:
        stat = posix.stat(path)
    except OSError:
        return None
    if stat.st_mode & 0o170000 != 0o100000:
        return None
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns]
