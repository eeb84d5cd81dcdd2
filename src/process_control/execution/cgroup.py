"""A control group (v2) for each run, where the host allows one: the kernel's list of the processes of the run.

Lean module. With a group, processes that forked away, closed their descriptors and cleared their environment are still
found and killed; everything else works without one too. See cgroups(7) and `cgroup.kill` of cgroup v2. The maker of a
group keeps it open under a shared flock(2): a group without that lock is abandoned. The directory is private, because
whoever can open it can lock it, and nobody ever waits for the lock.
"""

import fcntl
import posix
import select

from process_control.system import linux, proc

MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
PREFIX = "process-control."
#: How long a group that was just made is tried to be had, while a search for abandoned ones has it.
_TRIES, _PAUSE_SECONDS = 100, 0.01
_TO_HOLD = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Group:
    """A group that this process has made: its path, and the locked descriptor that marks it as in use."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def close(self) -> None:
        """Release the group; another run may remove what is left of it."""
        if self._descriptor >= 0:
            posix.close(self._descriptor)
            self._descriptor = -1


def make_for_run(run_id: str, *, controllers: tuple[str, ...] = ()) -> Group | None:
    """Make a group for a run and lock it; None without cgroup v2 or without the right to make one.

    `controllers` are enabled where the kernel allows it: in the root group, or in a group without processes.
    """
    above = where_ours_go()
    if above is None:
        return None
    for controller in controllers:
        _try_to_write(f"{above}/cgroup.subtree_control", b"+" + controller.encode("ascii"))
    path = f"{above}/{PREFIX}{run_id}"
    was_made = False
    for _ in range(_TRIES):
        try:
            posix.mkdir(path, 0o700)
            was_made = True
            held = open_and_lock(path, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileExistsError, BlockingIOError):
            if not was_made:
                return None
            # A search for abandoned groups has locked ours in this moment, and removes it: on a busy host not at once.
            select.select([], [], [], _PAUSE_SECONDS)
            continue
        except OSError:
            return None
        if held is not None:
            return Group(path, held)
    return None


def where_ours_go() -> str | None:
    """Return the group in which to make the groups of runs: our own, or the one above when that is delegated to us.

    A group with processes cannot enable controllers for groups below it. So systemd (254 and later) marks the delegated
    group and starts us one level below (`Delegate=yes`, `DelegateSubgroup=main`): groups of runs are siblings of
    `main` and can have limits. An inner run's group stays in that of the outer run, which ends it too. See
    CGROUP_DELEGATION of systemd.
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
    """Open the group and lock it; None when it was removed meanwhile as abandoned. Raises OSError."""
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
    """Fork with the child in the group `path`; return its pid (0 in the child) and whether it is in the group.

    Without clone3(2) (an old kernel, a seccomp filter) the child moves itself. `False` then means in the child that it
    could not, and in the parent that it has to call `holds`. Raises OSError.
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
    """Return whether the process is in the group, or is already gone."""
    groups = proc.read_small(f"/proc/{pid}/cgroup")
    return not groups or path.rpartition("/")[2].encode("utf-8", "surrogateescape") in groups


def kill_all(path: str) -> None:
    """Send SIGKILL to every process in the group and below it, at once. A group that is gone is no error."""
    _try_to_write(f"{path}/cgroup.kill", b"1")


def set_limit(path: str, file: str, value: int) -> bool:
    """Write a limit of the group, such as memory.max; return whether the kernel took it."""
    return _try_to_write(f"{path}/{file}", b"%d" % value)


def cpu_seconds_of_tree(path: str) -> float | None:
    """Return the CPU time that all processes of the group have used, ended ones included; None when it is unknown."""
    name, _, number = proc.read_small(f"{path}/cpu.stat").partition(b"\n")[0].partition(b" ")
    return int(number) / 1_000_000 if name == b"usage_usec" and number.isdigit() else None


def memory_of_tree(path: str) -> tuple[int, bool] | None:
    """Return the peak memory of the whole group in bytes, and whether the kernel killed a process for lack of memory.

    None where the group has no memory controller.
    """
    peak = proc.read_small(f"{path}/memory.peak").strip()
    if not peak.isdigit():
        return None
    events = dict([line.split() for line in proc.read_small(f"{path}/memory.events").splitlines() if b" " in line])
    return int(peak), events.get(b"oom_kill", b"0") != b"0"


def remove(path: str) -> None:
    """Remove the group and those below it if they are empty; one with processes stays."""
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
    """Return whether a path read from a record is the group of a run, and nothing else."""
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
