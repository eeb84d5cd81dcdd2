"""Find the jobs that follow others among the children of process 1 of a container, and wait for them.

Lean module, loaded only then.
"""

import posix

from process_control.system import proc

STARTED_BY_A_CAUSE = b"--scheduled=job"


def wait_for_followers(waited_for: list[int], heard: list[int]) -> None:
    """Reap children until none is the guard of a follower; `waited_for` names those at each moment. Never raises.

    Those that run now get the signals that were `heard` when nobody was waited for.
    """
    is_first = True
    try:
        while found := _followers():
            waited_for[:] = found
            if is_first:
                is_first = False
                _send(list(heard), found)
            pid, _ = posix.waitpid(-1, 0)
            if pid in waited_for:
                waited_for.remove(pid)
    except OSError:
        waited_for.clear()


def _send(numbers: list[int], pids: list[int]) -> None:
    for pid in pids:
        for number in numbers:
            try:
                posix.kill(pid, number)
            except OSError:  # it has just ended
                pass


def _followers() -> list[int]:
    """Return the children that a cause has started. One that has ended and was not reaped has no command line."""
    me = posix.getpid()
    pids = [int(name) for name in posix.listdir("/proc") if name.isdecimal()]
    return [pid for pid in pids if proc.parent_of(pid) == me and STARTED_BY_A_CAUSE in _words(pid)]


def _words(pid: int) -> list[bytes]:
    """Return the command line; of a child that is just being executed, when it is."""
    proc.environment(pid)
    return proc.read_small(f"/proc/{pid}/cmdline").split(b"\0")
