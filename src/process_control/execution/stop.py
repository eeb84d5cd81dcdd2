"""Stop a run from outside; signal only processes that are verified to be its runner or to belong to it.

Lean module.
"""

import _signal
import posix
import select
import time

from process_control.execution import cgroup, groups_of_runs, tree
from process_control.system import proc
from process_control.system.ask import NoAnswer, ask
from process_control.system.clock import wait_milliseconds
from process_control.system.signals import STOP_REQUEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 2.0
_LOOK_AT_ONE_SECONDS = 0.2
#: How long beyond its grace a run may take to end and to record its end.
PATIENCE_SECONDS = 5.0
_KILL_AGAIN_SECONDS = 0.05


def open_runner(block: dict[str, object], *, boot_id: str, pid_namespace: str) -> int | None:
    """Return a pidfd of the runner that the block names, or None when that process does not exist any more.

    Pids are reused: boot, pid namespace and start time are compared while the pidfd is open.
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
    """Send a stop request to the block's runner and its guard; return False when it is gone. Raises PermissionError.

    Both get CONT as well, in case they are stopped; the guard enforces the time limit of the stop.
    """
    handle = open_runner(block, boot_id=boot_id, pid_namespace=pid_namespace)
    if handle is None:
        return False
    try:
        _signal.pidfd_send_signal(handle, STOP_REQUEST)
        _signal.pidfd_send_signal(handle, _signal.SIGCONT)
        _signal_guard(block, STOP_REQUEST, _signal.SIGCONT)
    except ProcessLookupError:
        return False
    finally:
        posix.close(handle)
    return True


def ask_start_to_stop(guard: int, *, parent: int) -> bool:
    """Send a stop request to a guard, which hands it on; return False when `parent` has no such child any more.

    The start may wait for something, have a run, or not have come to either.
    """
    try:
        handle = posix.pidfd_open(guard)
    except OSError:
        return False
    try:
        if proc.parent_of(guard) != parent:
            return False
        _signal.pidfd_send_signal(handle, STOP_REQUEST)
        _signal.pidfd_send_signal(handle, _signal.SIGCONT)
    except ProcessLookupError:
        return False
    finally:
        posix.close(handle)
    return True


def continue_the_stopped(block: dict[str, object], *, boot_id: str, pid_namespace: str) -> str | None:
    """Continue the block's runner and guard if they are stopped; return which were, in words, or None."""
    handle = open_runner(block, boot_id=boot_id, pid_namespace=pid_namespace)
    if handle is None:
        return None
    try:
        runner, guard = int(str(block["pid"])), proc.parent_of(int(str(block["pid"])))
        stopped = [name for name, pid in (("runner", runner), ("guard", guard)) if proc.is_stopped(pid)]
        if not stopped:
            return None
        _signal.pidfd_send_signal(handle, _signal.SIGCONT)
        _signal_guard(block, _signal.SIGCONT)
    except OSError:
        return None
    finally:
        posix.close(handle)
    return f"its {' and its '.join(stopped)} had been stopped by a signal"


def _signal_guard(block: dict[str, object], *numbers: int) -> None:
    """Signal the parent of the block's runner, if that is the guard that the block names."""
    runner, guard = block.get("pid"), block.get("guard_pid")
    if not isinstance(runner, int) or not isinstance(guard, int) or guard <= 1:
        return
    try:
        handle = posix.pidfd_open(guard)
    except OSError:
        return
    try:
        if proc.parent_of(runner) == guard:
            for number in numbers:
                _signal.pidfd_send_signal(handle, number)
    except OSError:  # the guard is root's, or gone
        pass
    finally:
        posix.close(handle)


def seconds_to_end(block: dict[str, object], block_of: "Callable[[str], dict[str, object] | None]") -> float:
    """Return how many seconds the block's run may take to end after a request, by its grace and inner runs."""
    grace, runner = block.get("kill_grace_seconds"), block.get("pid")
    seconds = float(grace) if isinstance(grace, (int, float)) and 0 <= grace < 1 << 62 else 10.0
    inner = tree.inner_runs(runner, block_of) if isinstance(runner, int) else {}
    return max([seconds, *[each + 2.0 for each in inner.values()]]) + PATIENCE_SECONDS


def wait_until_gone(handle: int, seconds: float) -> bool:
    """Wait at most `seconds` until the process of the pidfd has ended; return whether it has."""
    until = time.monotonic() + seconds
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(wait_milliseconds(left)):
            return True
    return bool(poll.poll(0))


def kill_runner(handle: int) -> bool:
    """Send KILL to a runner that does not end; its guard then ends its tree. Return whether it is gone."""
    try:
        _signal.pidfd_send_signal(handle, _signal.SIGKILL)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return wait_until_gone(handle, PATIENCE_SECONDS)


def survivors(block: dict[str, object]) -> list[int]:
    """Return the pids of living processes that belong to the block's run.

    They are found by the control group; by the run's id in the environment of processes of our account or root, of this
    boot and no older than the run; and by the list of those that the run itself could not end.
    """
    in_group = groups_of_runs.processes(str(block["cgroup"])) if cgroup.is_ours(block.get("cgroup")) else []
    return sorted({*in_group, *_by_environment(block), *_not_ended(block)})


def _by_environment(block: dict[str, object]) -> list[int]:
    if block.get("boot_id") not in (None, proc.boot_id()):
        return []
    since, run_id = block.get("pid_start"), str(block.get("run_id"))
    candidates = proc.may_be_of_run(since if isinstance(since, int) else None)
    try:
        return list(ask(lambda: [pid for pid in candidates if proc.carries(pid, run_id)], seconds=LOOK_SECONDS))
    except (NoAnswer, OSError):
        return [pid for pid in candidates if _answers_that_it_carries(pid, run_id)]


def _answers_that_it_carries(pid: int, run_id: str) -> bool:
    """Return whether the process belongs to the run; False when its environment cannot be read."""
    try:
        return bool(ask(lambda: proc.carries(pid, run_id), seconds=_LOOK_AT_ONE_SECONDS))
    except (NoAnswer, OSError):
        return False


def _not_ended(block: dict[str, object]) -> list[int]:
    left = block.get("left")
    if not isinstance(left, list) or not left or block.get("boot_id") != proc.boot_id():
        return []
    if block.get("pid_ns") and block.get("pid_ns") != (proc.pid_namespace() or block.get("pid_ns")):
        return []
    known = [pair for pair in left if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], int)]
    return [pid for pid, started in known if isinstance(pid, int) and proc.is_alive(pid, started)]


def end_survivors(block: dict[str, object], *, grace_seconds: float, give_up_seconds: float = 5.0) -> list[int]:
    """Send TERM, wait, send KILL to the survivors of a run without a runner; return the pids that did not end."""
    _signal_all(block, _signal.SIGTERM)
    until = time.monotonic() + grace_seconds
    wait = select.poll()
    while survivors(block) and time.monotonic() < until:
        wait.poll(int(_KILL_AGAIN_SECONDS * 1000))
    until = time.monotonic() + give_up_seconds
    while (left := survivors(block)) and time.monotonic() < until:
        if cgroup.is_ours(block.get("cgroup")):  # this kills processes of other users too
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
            # Looked up again while the pidfd is open: the pid may have been reused.
            if pid in survivors(block):
                _signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, PermissionError):
            pass
        finally:
            posix.close(handle)
