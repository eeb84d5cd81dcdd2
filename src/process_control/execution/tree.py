"""A tree of processes: ask it to end, or end it.

Lean module.
"""

import _signal
import posix

from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 2.0
"""How long it may take to look at what belongs to whom, before a tree is ended without that."""


def ask_tree_to_end(root: int, *, inner_runners: "set[int]") -> bool:
    """Send TERM (and CONT, for the stopped) to every process below `root`; return whether one could not be reached.

    What is below an inner runner (a sub-job's) is left to it: it has its own grace and records its own end.
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


def inner_runs(root: int, block_of: "Callable[[str], dict[str, object] | None]") -> dict[int, float]:
    """Return the inner runs below `root`, see `_inner_runs`; none when a process does not let itself be looked at.

    Its environment is behind a lock of its own, which a disk that hangs may hold: so a child looks.
    """
    from process_control.system.ask import NoAnswer, ask

    try:
        return dict(ask(lambda: _inner_runs(root, block_of), seconds=LOOK_SECONDS))
    except (NoAnswer, OSError):
        return {}


def _inner_runs(root: int, block_of: "Callable[[str], dict[str, object] | None]") -> "list[tuple[int, float]]":
    """Return the inner runs (of sub-jobs) below `root`: the pid of each runner, and the grace of its job in seconds.

    A process says by its environment to which job it belongs, and can say anything. So the block of that job, as
    `block_of(slug)` returns it, has to name a living runner below `root`.
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
