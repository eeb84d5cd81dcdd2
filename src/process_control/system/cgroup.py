"""A control group (v2) for each run, where one may be made: the kernel's own list of what belongs to the run.

Lean room. Without a writable one every promise holds by other means; with one, processes that forked away, closed
their descriptors and cleared their environment are still found and killed. See cgroups(7), cgroup-v2 `cgroup.kill`.
"""

import posix

from process_control.system import linux, proc

_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_PREFIX = "process-control."


def make_for_run(run_id: str) -> str | None:
    """Make a group below our own and return its path; None where there is no v2 or we may not."""
    for line in proc.read_small("/proc/self/cgroup").split(b"\n"):
        if not line.startswith(b"0::"):
            continue
        own = line[3:].decode("utf-8", "surrogateescape").rstrip("/")
        for mount in _MOUNTS:
            if posix.access(f"{mount}{own}/cgroup.procs", posix.W_OK):
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
    try:
        _write(f"{path}/cgroup.kill", b"1")
    except OSError:
        pass


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


def _write(path: str, data: bytes) -> None:
    descriptor = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC)
    try:
        posix.write(descriptor, data)
    finally:
        posix.close(descriptor)
