"""A control group (v2) for each run, where one may be made: the kernel's own list of what belongs to the run.

Lean room. Without a writable one every promise holds by other means; with one, processes that forked away, closed
their descriptors and cleared their environment are still found and killed. See cgroups(7), cgroup-v2 `cgroup.kill`.
"""

import posix

from process_control.system import linux, proc

_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_PREFIX = "process-control."


def make_for_run(run_id: str, *, controllers: tuple[str, ...] = ()) -> str | None:
    """Make a group below our own and return its path; None where there is no v2 or we may not.

    `controllers` are enabled for it where we may: not in a group that has processes besides, but for the topmost.
    """
    for line in proc.read_small("/proc/self/cgroup").split(b"\n"):
        if not line.startswith(b"0::"):
            continue
        own = line[3:].decode("utf-8", "surrogateescape").rstrip("/")
        for mount in _MOUNTS:
            if posix.access(f"{mount}{own}/cgroup.procs", posix.W_OK):
                for controller in controllers:
                    _try_to_write(f"{mount}{own}/cgroup.subtree_control", b"+" + controller.encode("ascii"))
                path = f"{mount}{own}/{_PREFIX}{run_id}"
                try:
                    posix.mkdir(path, 0o755)
                except OSError:
                    return None
                return path
    return None


def fork_into(path: str | None) -> int:
    """Fork as posix.fork does, with the child in the group `path`; without one, or when that fails, a plain fork."""
    if path is None:
        return posix.fork()
    try:
        group = posix.open(path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError:
        return posix.fork()
    try:
        return linux.fork_into_cgroup(group)
    except OSError:
        return posix.fork()
    finally:
        posix.close(group)


def kill_all(path: str) -> None:
    """Send SIGKILL to every process in the group and below it, at once; a group that is gone is no fault."""
    _try_to_write(f"{path}/cgroup.kill", b"1")


def set_limit(path: str, file: str, value: int) -> bool:
    """Write a limit of the group, such as memory.max; return whether the kernel took it."""
    return _try_to_write(f"{path}/{file}", b"%d" % value)


def memory_of_tree(path: str) -> tuple[int, bool] | None:
    """Return the most memory that all processes of the group had at once, and whether the kernel killed for want of it.

    None where the group has no memory controller.
    """
    peak = proc.read_small(f"{path}/memory.peak").strip()
    if not peak.isdigit():
        return None
    events = dict([line.split() for line in proc.read_small(f"{path}/memory.events").splitlines() if b" " in line])
    return int(peak), events.get(b"oom_kill", b"0") != b"0"


def processes(path: str) -> list[int]:
    """Return the pids of the group's processes that are more than zombies; [] when it is gone."""
    return [int(pid) for pid in proc.read_small(f"{path}/cgroup.procs").split() if proc.is_alive(int(pid), None)]


def remove(path: str) -> None:
    """Remove the group, with those of killed inner runs below it, when it is empty; one that is not stays."""
    try:
        posix.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        inner = [name for name in _names(path) if name.startswith(_PREFIX)]
        for name in inner:
            remove(f"{path}/{name}")
        if inner:
            _remove_empty(path)


def _remove_empty(path: str) -> None:
    try:
        posix.rmdir(path)
    except OSError:
        pass


def _names(path: str) -> list[str]:
    try:
        return posix.listdir(path)
    except OSError:
        return []


def is_ours(path: object) -> bool:
    """Whether a path that a record holds is that of a run's group, and of nothing else."""
    return (
        isinstance(path, str)
        and path.startswith("/sys/fs/cgroup/")
        and path.rpartition("/")[2].startswith(_PREFIX)
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
