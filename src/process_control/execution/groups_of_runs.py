"""Control groups of other runs: remove abandoned ones, kill the processes of killed runs, list processes.

Lean module, loaded when a run was killed or is stopped from outside.
"""

import fcntl
import posix

from process_control.execution.cgroup import (
    MOUNTS,
    PREFIX,
    groups_below,
    kill_all,
    open_and_lock,
    remove,
    where_ours_go,
)
from process_control.system import proc


def remove_forsaken() -> None:
    """Remove the empty, unlocked groups below our own that killed runs have left. Never raises."""
    above = where_ours_go()
    for name in _names(above) if above is not None else ():
        if name.startswith(PREFIX):
            try:
                held = open_and_lock(f"{above}/{name}", fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # in use
                continue
            if held is not None:
                remove(f"{above}/{name}")
                posix.close(held)


def kill_group_of(pid: int) -> None:
    """Send SIGKILL to the whole group of the run that the process belongs to, if it was made below our own group."""
    above = where_ours_go()
    for line in proc.read_small(f"/proc/{pid}/cgroup").split(b"\n"):
        if above is None or not line.startswith(b"0::"):
            continue
        for mount in MOUNTS:
            path = mount + line[3:].decode("utf-8", "surrogateescape")
            if path.startswith(f"{above}/{PREFIX}"):
                kill_all(f"{above}/{path[len(above) + 1 :].partition('/')[0]}")


def processes(path: str) -> list[int]:
    """Return the pids of the living processes in the group and in those below it, without zombies; [] when it is gone.

    Groups below it are those of inner runs and those that the job has made.
    """
    pids = [int(pid) for pid in proc.read_small(f"{path}/cgroup.procs").split()]
    found = [pid for pid in pids if proc.is_alive(pid, None)]
    for inner in groups_below(path):
        found += processes(inner)
    return found


def _names(path: str) -> list[str]:
    try:
        return posix.listdir(path)
    except OSError:
        return []
