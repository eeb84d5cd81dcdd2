"""A control group (v2) for each run, where one may be made: the kernel's own list of what belongs to the run.

Lean module. Without a writable one every promise but one holds by other means; with one, processes that forked away,
closed their descriptors and cleared their environment are still found and killed. See cgroups(7), cgroup-v2
`cgroup.kill`. Whoever made a group keeps it open under a shared flock(2): a group without one is forsaken. Nobody
else can open it, and nobody waits for that lock: who can open a directory can lock it.
"""

import fcntl
import posix

from process_control.system import linux, proc

MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
PREFIX = "process-control."
_TO_HOLD = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Group:
    """A group that this process has made: its path, and the descriptor that says it is in use."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def close(self) -> None:
        """Hold the group no longer; what is left of it may be removed by anybody."""
        if self._descriptor >= 0:
            posix.close(self._descriptor)
            self._descriptor = -1


def make_for_run(run_id: str, *, controllers: tuple[str, ...] = ()) -> Group | None:
    """Make a group for a run and hold it; None where there is no v2 or we may not.

    `controllers` are enabled for it where we may: not in a group that has processes besides, but for the topmost.
    """
    above = where_ours_go()
    if above is None:
        return None
    for controller in controllers:
        _try_to_write(f"{above}/cgroup.subtree_control", b"+" + controller.encode("ascii"))
    path = f"{above}/{PREFIX}{run_id}"
    for _ in range(3):
        try:
            posix.mkdir(path, 0o700)
            held = open_and_lock(path, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileExistsError:  # held for a moment by who looks for forsaken groups
            continue
        except BlockingIOError:
            continue
        except OSError:
            return None
        if held is not None:
            return Group(path, held)
    return None


def where_ours_go() -> str | None:
    """Return the group in which groups of runs may be made and filled: our own, or the one above when it was given.

    A group with processes in it has no controllers for those below. So systemd (254 and later) marks what it delegates
    and puts us one below (`Delegate=yes`, `DelegateSubgroup=main`): runs have their groups beside `main`, and can have
    limits. An inner run's group stays in that of the outer run, which ends it too. See systemd's CGROUP_DELEGATION.
    """
    for line in proc.read_small("/proc/self/cgroup").split(b"\n"):
        if not line.startswith(b"0::"):
            continue
        own = line[3:].decode("utf-8", "surrogateescape").rstrip("/")
        above, _, name = own.rpartition("/")
        for mount in MOUNTS:
            if name and not name.startswith(PREFIX) and _is_delegated(mount + above):
                return mount + above
            if posix.access(f"{mount}{own}/cgroup.procs", posix.W_OK):
                return f"{mount}{own}"
    return None


def _is_delegated(path: str) -> bool:
    try:
        return posix.getxattr(path, "user.delegate") == b"1" and posix.access(f"{path}/cgroup.procs", posix.W_OK)
    except OSError:
        return False


def open_and_lock(path: str, operation: int) -> int | None:
    """Open the group and lock it; None when it was removed meanwhile as forsaken. Raises OSError."""
    try:
        descriptor = posix.open(path, _TO_HOLD)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, operation)
        if posix.stat(path).st_ino == posix.fstat(descriptor).st_ino:
            return descriptor
    except FileNotFoundError:
        pass
    except OSError:
        posix.close(descriptor)
        raise
    posix.close(descriptor)
    return None


def fork_into(path: str | None) -> tuple[int, bool]:
    """Fork as posix.fork does, with the child in the group `path`; return its pid (0 in the child), and whether it is.

    Where clone3(2) may not be had (an old kernel, a filter) the child moves itself: `False` then tells the child that
    it could not, and the parent to ask `holds`. Raises OSError.
    """
    if path is None:
        return posix.fork(), False
    try:
        group = posix.open(path, _TO_HOLD)
    except OSError:
        return posix.fork(), False
    try:
        return linux.fork_into_cgroup(group), True
    except OSError:
        pass
    finally:
        posix.close(group)
    pid = posix.fork()
    return pid, pid == 0 and _try_to_write(f"{path}/cgroup.procs", b"0")


def holds(path: str, pid: int) -> bool:
    """Whether the process is in the group, or is already gone."""
    groups = proc.read_small(f"/proc/{pid}/cgroup")
    return not groups or path.rpartition("/")[2].encode("utf-8", "surrogateescape") in groups


def kill_all(path: str) -> None:
    """Send SIGKILL to every process in the group and below it, at once; a group that is gone is no fault."""
    _try_to_write(f"{path}/cgroup.kill", b"1")


def set_limit(path: str, file: str, value: int) -> bool:
    """Write a limit of the group, such as memory.max; return whether the kernel took it."""
    return _try_to_write(f"{path}/{file}", b"%d" % value)


def cpu_seconds_of_tree(path: str) -> float | None:
    """Return the CPU time that all processes of the group have used, the ended ones too; None when it is not told."""
    name, _, number = proc.read_small(f"{path}/cpu.stat").partition(b"\n")[0].partition(b" ")
    return int(number) / 1_000_000 if name == b"usage_usec" and number.isdigit() else None


def memory_of_tree(path: str) -> tuple[int, bool] | None:
    """Return the most memory that all processes of the group had at once, and whether the kernel killed for want of it.

    None where the group has no memory controller.
    """
    peak = proc.read_small(f"{path}/memory.peak").strip()
    if not peak.isdigit():
        return None
    events = dict([line.split() for line in proc.read_small(f"{path}/memory.events").splitlines() if b" " in line])
    return int(peak), events.get(b"oom_kill", b"0") != b"0"


def remove(path: str) -> None:
    """Remove the group, with all below it, when it is empty; one that is not stays."""
    try:
        posix.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        inner = groups_below(path)
        for each in inner:
            remove(each)
        if inner:
            _remove_empty(path)


def _remove_empty(path: str) -> None:
    try:
        posix.rmdir(path)
    except OSError:
        pass


def groups_below(path: str) -> list[str]:
    try:
        with posix.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        proc.raise_when_blind(error)
        return []


def is_ours(path: object) -> bool:
    """Whether a path that a record holds is that of a run's group, and of nothing else."""
    return (
        isinstance(path, str)
        and path.startswith("/sys/fs/cgroup/")
        and path.rpartition("/")[2].startswith(PREFIX)
        and "/../" not in path
    )


def _try_to_write(path: str, data: bytes) -> bool:
    try:
        descriptor = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        posix.write(descriptor, data)
    except OSError:
        return False
    finally:
        posix.close(descriptor)
    return True
