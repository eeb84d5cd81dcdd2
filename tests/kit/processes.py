"""What /proc tells of processes, read without the product's own readers."""

import contextlib
import os


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment_of(pid: int) -> bytes:
    """Return the environment that `pid` was started with, b"" when it is gone or may not be read."""
    return _read(f"/proc/{pid}/environ")


def command_line(pid: int) -> str:
    return words_of(pid).replace(b"\0", b" ").decode(errors="replace").strip()


def words_of(pid: int) -> bytes:
    """Return the command line as the kernel has it: a NUL after each word; b"" when the process is gone."""
    return _read(f"/proc/{pid}/cmdline")


def name_of(pid: int) -> str:
    """Return the name that the process has, which a fork keeps and an exec changes; "" when it is gone."""
    return _read(f"/proc/{pid}/comm").decode(errors="replace").strip()


def state_letter(pid: int) -> str:
    """Return R, S, D, Z, T… as in /proc/PID/stat; "" when there is no such process."""
    return _read(f"/proc/{pid}/stat").rpartition(b") ")[2][:1].decode()


def system_call_of(pid: int) -> list[str]:
    """Return number and arguments of the system call that `pid` is blocked in; nothing when it is gone."""
    return _read(f"/proc/{pid}/syscall").decode().split()


def slept_so_far(pid: int) -> int | None:
    """Return how often `pid` has fallen asleep; None when it is awake. The same number twice: it slept in between."""
    fields = dict(line.split(b":", 1) for line in _read(f"/proc/{pid}/status").splitlines())
    if fields.get(b"State", b"").split()[:1] != [b"S"]:
        return None
    return int(fields[b"voluntary_ctxt_switches"])


def lives(pid: int) -> bool:
    """Whether `pid` is a process that has not ended; a zombie has."""
    return state_letter(pid) not in ("", "Z", "X")


def children(pid: int) -> list[int]:
    """Return the children of `pid`, zombies too."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below `pid`, zombies too. Orphans are its children where it is a subreaper."""
    found: dict[int, None] = {}
    while new := [each for each in children(pid) if each not in found]:  # again: one may have become an orphan just now
        while new:
            one = new.pop()
            found[one] = None
            new += [each for each in children(one) if each not in found]
    return list(found)


def _read(path: str) -> bytes:
    # Not Path.read_bytes(): every test looks at every process of the host, and that takes five times as long.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return b"".join(iter(lambda: os.read(descriptor, 65536), b""))
    except OSError:
        return b""
    finally:
        os.close(descriptor)
