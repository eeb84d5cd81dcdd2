"""Send TERM or KILL to a tree of processes.

Lean module.
"""

import _signal
import posix

from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: How long the search for inner runs may take before a tree is ended without regard to them.
LOOK_SECONDS = 2.0


def ask_tree_to_end(root: int, *, inner_runners: "set[int]") -> bool:
    """Send TERM (and CONT, for the stopped) to every process below `root`; return whether one could not be reached.

    Processes below an inner runner (of a sub-job) are left to it: it has its own grace and records its own end.
    """
    left_alone: set[int] = set()
    unreachable = False
    for pid, parent in proc.descendants(root):
        if parent in inner_runners or parent in left_alone:
            left_alone.add(pid)
            continue
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
    """Signal the process if its parent is one of `parents`; return False when we do not have the right."""
    try:
        handle = posix.pidfd_open(pid)
    except OSError:
        return True
    try:
        # The parent is read again while the pidfd is open: the pid may have been reused. When the parent has died
        # meanwhile, the subreaper above the tree is the new parent.
        if proc.parent_of(pid) in parents:
            _signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    finally:
        posix.close(handle)
    return True


def inner_runs(root: int, block_of: "Callable[[str], dict[str, object] | None]") -> dict[int, float]:
    """Return the inner runs below `root`, see `_inner_runs`; none when an environment cannot be read in time.

    A child process reads: reading the environment of a process may block on a lock while a disk hangs.
    """
    from process_control.system.ask import NoAnswer, ask

    try:
        return dict(ask(lambda: _inner_runs(root, block_of), seconds=LOOK_SECONDS))
    except (NoAnswer, OSError):
        return {}


def _inner_runs(root: int, block_of: "Callable[[str], dict[str, object] | None]") -> "list[tuple[int, float]]":
    """Return the inner runs (of sub-jobs) below `root`: pid of the runner, grace of the job in seconds.

    The environment of a process names its job, but can be forged. So the block of that job, as `block_of(slug)`
    returns it, must name a living runner below `root`.
    """
    below = {pid for pid, _ in proc.descendants(root)}
    slugs = {proc.environment_value(pid, b"PROCESS_CONTROL_JOB=") for pid in below}
    found: dict[int, float] = {}
    for slug in slugs:
        block = block_of(slug.decode("ascii", "replace")) if slug else None
        if block is None or block.get("end") is not None:
            continue
        runner, started, grace = block.get("pid"), block.get("pid_start"), block.get("kill_grace_seconds")
        if isinstance(runner, int) and runner in below and isinstance(started, int) and proc.is_alive(runner, started):
            found[runner] = float(grace) if isinstance(grace, (int, float)) and 0 <= grace < 1 << 62 else 0.0
    return list(found.items())
