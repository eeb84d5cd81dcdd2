"""Stop a run from outside, signalling only what was proved to be its runner or to belong to it.

Lean room.
"""

import _signal
import posix
import select
import time

from process_control.system import cgroup, proc
from process_control.system.signals import STOP_REQUEST

_KILL_AGAIN_SECONDS = 0.05


def open_runner(block: dict[str, object], *, boot_id: str, pid_namespace: str) -> int | None:
    """Return a pidfd of the block's runner, or None when that very process is not (or no longer) there.

    The pid alone proves nothing: boot, pid namespace and start time are compared with the handle open.
    """
    pid, started = block.get("pid"), block.get("pid_start")
    if not isinstance(pid, int) or block.get("boot_id") != boot_id or block.get("pid_ns") != pid_namespace:
        return None
    try:
        handle = posix.pidfd_open(pid)
    except OSError:
        return None
    if isinstance(started, int) and proc.is_alive(pid, started):
        return handle
    posix.close(handle)
    return None


def ask_runner_to_stop(block: dict[str, object], *, boot_id: str, pid_namespace: str) -> bool:
    """Ask the block's runner to stop its run; return False when it is gone. Raises PermissionError."""
    handle = open_runner(block, boot_id=boot_id, pid_namespace=pid_namespace)
    if handle is None:
        return False
    try:
        _signal.pidfd_send_signal(handle, STOP_REQUEST)
    except ProcessLookupError:
        return False
    finally:
        posix.close(handle)
    return True


def wait_until_gone(handle: int) -> None:
    """Wait until the process of the pidfd has ended."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()


def survivors(block: dict[str, object]) -> list[int]:
    """Return the pids of living processes that belong to the block's run.

    By its control group; by its id in their environment, where they are of our account or root's, of this boot and no
    older than the run; and by the names of those that the run could not end itself.
    """
    in_group = cgroup.processes(str(block["cgroup"])) if cgroup.is_ours(block.get("cgroup")) else []
    return sorted({*in_group, *_by_environment(block), *_not_ended(block)})


def _by_environment(block: dict[str, object]) -> list[int]:
    if block.get("boot_id") not in (None, proc.boot_id()):
        return []
    since = block.get("pid_start")
    return proc.processes_of_run(str(block.get("run_id")), since=since if isinstance(since, int) else None)


def _not_ended(block: dict[str, object]) -> list[int]:
    left = block.get("left")
    if not isinstance(left, list) or not left or block.get("boot_id") != proc.boot_id():
        return []
    if block.get("pid_ns") and block.get("pid_ns") != (proc.pid_namespace() or block.get("pid_ns")):
        return []
    known = [pair for pair in left if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], int)]
    return [pid for pid, started in known if isinstance(pid, int) and proc.is_alive(pid, started)]


def end_survivors(block: dict[str, object], *, grace_seconds: float, give_up_seconds: float = 5.0) -> list[int]:
    """TERM, grace, KILL for what is left of a run that has no runner any more; return who could not be ended."""
    _signal_all(block, _signal.SIGTERM)
    until = time.monotonic() + grace_seconds
    wait = select.poll()
    while survivors(block) and time.monotonic() < until:
        wait.poll(int(_KILL_AGAIN_SECONDS * 1000))
    until = time.monotonic() + give_up_seconds
    while (left := survivors(block)) and time.monotonic() < until:
        if cgroup.is_ours(block.get("cgroup")):  # reaches processes of other users too
            cgroup.kill_all(str(block["cgroup"]))
        _signal_all(block, _signal.SIGKILL)
        wait.poll(int(_KILL_AGAIN_SECONDS * 1000))
    return left


def _signal_all(block: dict[str, object], number: int) -> None:
    for pid in survivors(block):
        try:
            handle = posix.pidfd_open(pid)
        except OSError:
            continue
        try:
            # Looked up again with the handle open: a pid that was used anew is not of this run.
            if pid in survivors(block):
                _signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, PermissionError):
            pass
        finally:
            posix.close(handle)
