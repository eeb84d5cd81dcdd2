"""Reads lines from where a syslog daemon keeps them: its files, rotated ones too, and the journal of systemd."""

import glob
import gzip
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from typing import Protocol

from process_control.system.plain_file import open_plain
from process_control.system.syslog import TAG

#: Where rsyslog and syslog-ng write what has no file of its own.
FILES = ("/var/log/syslog*", "/var/log/messages*")
_MAX_LINE = 64 << 10
_MAX_SECONDS = 300


class _Lines(Protocol):
    """What is read a line at a time."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line, at most `limit` bytes of it."""


def lines_of_files(paths: list[str], mark: bytes) -> Iterator[str]:
    """Yield the lines of these files (`.gz` too) that contain `mark`. Raises OSError."""
    for path in paths:
        with open_plain(path) as file:
            if not path.endswith(".gz"):
                yield from _with_mark(file, mark)
                continue
            try:
                with gzip.open(file) as unpacked:
                    yield from _with_mark(unpacked, mark)
            except (EOFError, zlib.error) as error:
                raise OSError(None, f"is no whole gzip file: {error}", path) from error


def usual_files() -> list[str]:
    """Return the files in which a syslog daemon usually keeps its lines."""
    return sorted(path for pattern in FILES for path in glob.glob(pattern))


def lines_of_systemd(mark: bytes) -> Iterator[str]:
    """Yield the lines of ours in the journal of systemd that contain `mark`; none where there is no `journalctl`."""
    if shutil.which("journalctl") is None:
        return
    command = ["journalctl", "--quiet", "--no-pager", "-t", TAG, "-o", "short-iso"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_MAX_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return
    yield from (line.decode("utf-8", "replace") for line in done.stdout.splitlines() if mark in line)


def _with_mark(file: _Lines, mark: bytes) -> Iterator[str]:
    while line := file.readline(_MAX_LINE):
        if mark in line:
            yield line.decode("utf-8", "replace")
