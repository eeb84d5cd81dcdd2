"""What /proc tells of processes, read without the product's own readers."""

import contextlib
import os
from pathlib import Path


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment_of(pid: int) -> bytes:
    """Return the environment that `pid` was started with, b"" when it is gone or may not be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def state_letter(pid: int) -> str:
    """Return R, S, D, Z, T… as in /proc/PID/stat; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1].decode()
    except OSError:
        return ""


def lives(pid: int) -> bool:
    """Whether `pid` is a process that has not ended; a zombie has."""
    return state_letter(pid) not in ("", "Z", "X")


def children(pid: int) -> list[int]:
    """Return the children of `pid`, zombies too."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return found
