"""Find the jobs that follow others among the children of process 1 of a container, and wait for them.

Lean module, loaded only then.
"""

import posix

from process_control.system import proc

STARTED_BY_A_CAUSE = b"--scheduled=job"


def wait_for_followers(waited_for: list[int]) -> None:
    """Reap children until none is the guard of a follower; `waited_for` names those at each moment. Never raises."""
    try:
        while found := _followers():
            waited_for[:] = found
            pid, _ = posix.waitpid(-1, 0)
            if pid in waited_for:
                waited_for.remove(pid)
    except OSError:
        waited_for.clear()


def _followers() -> list[int]:
    """Return the children that a cause has started. One that has ended and was not reaped has no command line."""
    me = posix.getpid()
    pids = [int(name) for name in posix.listdir("/proc") if name.isdecimal()]
    return [
        pid
        for pid in pids
        if proc.parent_of(pid) == me and STARTED_BY_A_CAUSE in proc.read_small(f"/proc/{pid}/cmdline").split(b"\0")
    ]
