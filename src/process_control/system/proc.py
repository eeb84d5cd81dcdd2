"""Reads /proc: which processes there are, their parents, and the run that they belong to. See proc(5).

Lean module. A process that has vanished is a result for every function here, never an error.
"""

import posix
import time

# ENOMEM, ENFILE, EMFILE.
_BLIND = (12, 23, 24)
RUN_ID_VARIABLE = b"PROCESS_CONTROL_RUN_ID="
_MAX_COMMAND_LINE = 64 << 10
_MAX_SHOWN = 80
_EXEC_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.001
#: PF_EXITING and PF_KTHREAD of the kernel's flags of a process.
_EXITS_OR_OF_THE_KERNEL = 0x00200004


def read_small(path: str, chunk_bytes: int = 1 << 16) -> bytes:
    """Return the contents of a small file, or b"" when there is none or it may not be read. It is read in chunks.

    Raises OSError when this process or the host has no descriptor or memory left: that must not look like a missing
    file.
    """
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except OSError as error:
        raise_when_blind(error)
        return b""
    try:
        parts = []
        while chunk := posix.read(descriptor, chunk_bytes):
            parts.append(chunk)
        return b"".join(parts)
    except OSError as error:
        raise_when_blind(error)
        return b""
    finally:
        posix.close(descriptor)


def raise_when_blind(error: OSError) -> None:
    """Raise `error` if it means that nothing can be read right now: that must not look like a missing file."""
    if error.errno in _BLIND:
        raise error


def is_own() -> bool:
    """Return whether /proc is complete and that of our pid namespace; any other lacks our processes or the boot id.

    Incomplete is one with only processes (subset=pid), or of a kernel without the lists of children.
    """
    try:
        return (
            posix.readlink("/proc/self") == str(posix.getpid())
            and posix.access("/proc/sys/kernel/random/boot_id", posix.R_OK)
            and posix.access(f"/proc/self/task/{posix.getpid()}/children", posix.R_OK)
        )
    except OSError:
        return False


def stat_fields(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat after the name: state, ppid, …; [] when the process is gone. See proc(5)."""
    return read_small(f"/proc/{pid}/stat", 4096).rpartition(b") ")[2].split()


def is_stopped(pid: int) -> bool:
    """Return whether the process is stopped: by SIGSTOP, a terminal or a debugger."""
    return stat_fields(pid)[:1] in ([b"T"], [b"t"])


def start_time(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot; None when it is gone. With the pid it is unique."""
    fields = stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else None


def seconds_since(started: int) -> float:
    """Return the seconds since this start time (clock ticks since boot), with the time that the host was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / posix.sysconf("SC_CLK_TCK")


def is_alive(pid: int, started: int | None) -> bool:
    """Return whether the process with this start time exists and is no zombie (`kill(pid, 0)` counts zombies).

    A process whose first thread has ended has the state of a zombie too, while its other threads work on.
    """
    fields = stat_fields(pid)
    if len(fields) <= 19 or (started is not None and int(fields[19]) != started):
        return False
    return fields[0] not in (b"Z", b"X") or int(fields[17]) > 1


def state_in_words(pid: int) -> str:
    """Return what the process does, for a person: `waits in the kernel (state D, in fuse_get_req)`."""
    state = b"".join(stat_fields(pid)[:1]).decode("ascii", "replace")
    if state in ("T", "t"):
        return f"stopped (state {state}): kill -CONT {pid}"
    where = read_small(f"/proc/{pid}/wchan", 256).decode("ascii", "replace").strip("0\n")
    inside = f", in {where}" if where.isprintable() and where else ""
    return f"waits in the kernel (state D{inside})" if state == "D" else f"in state {state or 'gone'}{inside}"


def boot_id() -> str:
    return read_small("/proc/sys/kernel/random/boot_id", 64).decode("ascii", "replace").strip()


def pid_namespace() -> str:
    """Return our pid namespace, as `pid:[4026531836]`. It is hidden after rights were dropped."""
    try:
        return posix.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def ancestors(pid: int) -> list[int]:
    """Return the pids of the parent, its parent and so on."""
    found: list[int] = []
    while (pid := parent_of(pid)) > 0 and pid not in found:
        found.append(pid)
    return found


def threads(pid: int) -> list[str]:
    """Return the ids of the threads of `pid`; [] when it is gone. Raises OSError when we cannot look."""
    try:
        return posix.listdir(f"/proc/{pid}/task")
    except OSError as error:
        raise_when_blind(error)
        return []


def children(pid: int) -> list[int]:
    """Return the pids of the children of all threads of `pid`."""
    return [
        int(child) for thread in threads(pid) for child in read_small(f"/proc/{pid}/task/{thread}/children").split()
    ]


def descendants(pid: int) -> list[tuple[int, int]]:
    """Return (pid, parent) of the whole tree below `pid`, parents first."""
    found: list[tuple[int, int]] = []
    level = [pid]
    while level:
        below = [(child, parent) for parent in level for child in children(parent)]
        found += below
        level = [child for child, _ in below]
    return found


def environment(pid: int) -> bytes:
    """Return the environment with which `pid` was executed, as /proc has it; b"" when it is gone or hidden.

    If the first thread has ended, it is read from another thread. A process in the middle of its exec has none for a
    moment, longer on a busy host: it is looked at until it has its new one.
    """
    until, has_words = time.monotonic() + _EXEC_SECONDS, False
    while not (text := _environment_now(pid)) and _may_execute(pid) and time.monotonic() < until:
        had_words, has_words = has_words, bool(read_small(f"/proc/{pid}/cmdline", 4096))
        if has_words and had_words:  # twice: it may have got both between the two reads
            break
        time.sleep(_LOOK_AGAIN_SECONDS)
    return text


def _environment_now(pid: int) -> bytes:
    text = read_small(f"/proc/{pid}/environ")
    if text or not is_alive(pid, None):
        return text
    return next((found for thread in threads(pid) if (found := read_small(f"/proc/{pid}/task/{thread}/environ"))), b"")


def _may_execute(pid: int) -> bool:
    """Return whether it is a process that may be executing a program now, and whose environment we could read then."""
    fields = stat_fields(pid)
    is_one = len(fields) > 19 and fields[0] not in (b"Z", b"X") and not int(fields[6]) & _EXITS_OR_OF_THE_KERNEL
    return is_one and posix.access(f"/proc/{pid}/environ", posix.R_OK)


def environment_value(pid: int, variable: bytes) -> bytes | None:
    """Return the value that `variable` (with its =) had when the process was executed; None without one, or hidden."""
    for entry in environment(pid).split(b"\0"):
        if entry.startswith(variable):
            return entry[len(variable) :]
    return None


def may_be_of_run(since: int | None) -> list[int]:
    """Return the pids that may belong to a run, without our own: of our account or root's, not older than `since`.

    Others do not count: anybody can put a run's id, which is no secret, into an environment. `since` is in clock ticks
    since boot.
    """
    ours = (b"0", b"%d" % posix.geteuid())
    mine = posix.getpid()
    pids = [int(name) for name in posix.listdir("/proc") if name.isdecimal()]
    return [
        pid
        for pid in pids
        if pid != mine
        and real_uid(pid) in ours
        and (since is None or (start_time(pid) or 0) >= since)
        and is_alive(pid, None)
    ]


def carries(pid: int, run_id: str) -> bool:
    """Return whether the process has this run's id in its environment.

    Reading it waits for a lock of the process, which a hanging disk may hold: call this in a child only.
    """
    return RUN_ID_VARIABLE + run_id.encode("ascii") in environment(pid).split(b"\0")


def real_uid(pid: int) -> bytes:
    """Return the user who started the process (not the one it became by a set-uid file); empty when it is gone."""
    return read_small(f"/proc/{pid}/status", 8192).partition(b"\nUid:\t")[2].partition(b"\t")[0]


def describe(pid: int, secrets: "list[str] | None") -> str:
    """Return `pid 123 (sleep 100)` for a person, `pid 123 of root (sleep 100)` when it is of another user.

    `secrets` are masked in its command line before that is cut. None: they are unknown, and only the program's name is
    shown.
    """
    from process_control.core.masking import mask_and_cut

    words = b"" if secrets is None else read_small(f"/proc/{pid}/cmdline").replace(b"\0", b" ")
    name = (words if words.strip() else b"") or read_small(f"/proc/{pid}/comm").strip() or b"gone"
    text = name[:_MAX_COMMAND_LINE].decode("utf-8", "surrogateescape")
    is_cut = len(name) > _MAX_COMMAND_LINE
    if is_cut:
        text = text.rstrip("".join(map(chr, range(0xDC80, 0xDD00))))  # half a character is the beginning of no secret
    shown = mask_and_cut(text, secrets or [], max_length=_MAX_SHOWN, is_cut=is_cut)
    shown = "".join(char if char.isprintable() else "?" for char in shown.strip())
    return f"pid {pid}{_owner_suffix(pid)} ({shown})"


def _owner_suffix(pid: int) -> str:
    uid = real_uid(pid)
    if not uid.isdigit() or int(uid) == posix.geteuid():
        return ""
    import pwd

    try:
        return f" of {pwd.getpwuid(int(uid)).pw_name}"
    except KeyError:
        return f" of user {int(uid)}"
