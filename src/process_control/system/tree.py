"""A tree of processes: ask it to end, or end it.

Lean room.
"""

import _signal
import posix

from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def ask_tree_to_end(root: int, *, run_id: str) -> bool:
    """Send TERM (and CONT, for the stopped) to every process below `root`; return whether one could not be reached.

    Processes of an inner run (a sub-job's: they carry another run id) are left to the inner run, which has its own
    grace and records its own end.
    """
    mine = run_id.encode("ascii")
    unreachable = False
    for pid, parent in proc.descendants(root):
        carried = proc.environment_value(pid, proc.RUN_ID_VARIABLE)
        if carried is None or carried == mine:
            unreachable |= not _send(pid, (parent, root), _signal.SIGTERM)
            _send(pid, (parent, root), _signal.SIGCONT)
    return unreachable


def kill_tree(root: int) -> bool:
    """Send KILL to every process below `root`; return whether one could not be reached."""
    unreachable = False
    for pid, parent in proc.descendants(root):
        unreachable |= not _send(pid, (parent, root), _signal.SIGKILL)
    return unreachable


def _send(pid: int, parents: tuple[int, int], number: int) -> bool:
    """Signal that very child of one of `parents`; return False when we have not the right to."""
    try:
        handle = posix.pidfd_open(pid)
    except OSError:
        return True
    try:
        # Its parent is read again with the handle open, so that a pid that was used anew is not hit. When the parent
        # died meanwhile, the subreaper above the tree has become the parent.
        if proc.parent_of(pid) in parents:
            _signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    finally:
        posix.close(handle)
    return True


def inner_grace_seconds(root: int, *, run_id: str, grace_of: "Callable[[str], float]") -> float:
    """Return the longest grace among the inner runs below `root`, plus 2 s; 0.0 when there are none.

    `grace_of(slug)` tells the grace that the inner job's block holds.
    """
    mine = run_id.encode("ascii")
    longest = 0.0
    for pid, _ in proc.descendants(root):
        carried = proc.environment_value(pid, proc.RUN_ID_VARIABLE)
        if carried is not None and carried != mine:
            slug = proc.environment_value(pid, b"PROCESS_CONTROL_JOB=") or b""
            longest = max(longest, grace_of(slug.decode("ascii", "replace")) + 2.0)
    return longest
