"""Reads what may have changed on this host: programs, time-zone data, apt's log. Ask in a child: a disk may hang."""

import gzip
import os
import zlib
from collections.abc import Sequence

from process_control.system.plain_file import open_plain

APT_LOGS = ("/var/log/apt/history.log.1.gz", "/var/log/apt/history.log")
ZONE_DATA = "/usr/share/zoneinfo/tzdata.zi"
LOCAL_ZONE = "/etc/localtime"
#: Of each log so much of its end is read.
MAX_LOG_BYTES = 256 << 10


def newer_files(paths: list[str], since: float) -> list[tuple[str, float, int]]:
    """Return (path, when, size) of each regular file that has changed since (UTC seconds), with what links lead to.

    By the inode's time, which packages and `cp -p` cannot set back.
    """
    found = []
    for path in paths:
        try:
            status = os.stat(path)
            changed = max(status.st_ctime, os.lstat(path).st_ctime)
        except (OSError, ValueError):
            continue
        if changed > since and not os.path.isdir(path):
            found.append((path, changed, status.st_size))
    return found


def zone_data_version() -> str:
    """Return the version of the time-zone data, `2026b`; "" when it does not say."""
    try:
        with open_plain(ZONE_DATA) as file:
            words = file.readline(100).decode("ascii", "replace").split()
    except OSError:
        return ""
    return words[2] if words[:2] == ["#", "version"] and len(words) > 2 else ""


def apt_log(since: float, logs: Sequence[str] = APT_LOGS) -> str:
    """Return the end of apt's log, from the file that was written to after `since` (UTC seconds)."""
    parts = []
    for path in logs:
        try:
            if os.stat(path).st_mtime > since:
                parts.append(_end_of(path))
        except (OSError, EOFError, zlib.error):
            continue
    return "\n".join(parts)


def _end_of(path: str) -> str:
    with open_plain(path) as file:
        if path.endswith(".gz"):
            with gzip.open(file) as unpacked:
                data = unpacked.read(16 * MAX_LOG_BYTES)[-MAX_LOG_BYTES:]
        else:
            file.seek(max(os.fstat(file.fileno()).st_size - MAX_LOG_BYTES, 0))
            data = file.read(MAX_LOG_BYTES)
    return data.decode("utf-8", "replace")
