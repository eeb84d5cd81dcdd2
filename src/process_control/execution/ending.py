"""End a tree of processes: TERM, grace, KILL until no child is left.

Lean module, loaded when a job has to be ended.
"""

import posix
import time

from process_control.execution import cgroup, tree
from process_control.execution.guard_channel import MARGIN_SECONDS
from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.execution.children import Children
    from process_control.execution.guard_channel import Channel
    from process_control.system.signals import Inbox

#: How much longer than its own grace an inner run (of a sub-job) may take, to record its end.
INNER_SECONDS = 2.0
_KILL_AGAIN_SECONDS = 0.02
_GIVE_UP_SECONDS = 5.0


def ask_to_end(
    children: "Children",
    inner: dict[int, float],
    *,
    grace_seconds: float,
    guard: "Channel",
    inbox: "Inbox",
    wait: "Callable[[float], None]",
) -> None:
    """Send TERM and wait for the grace time. `inner` maps the runner of each inner run to its grace in seconds."""
    me = posix.getpid()
    grace = max([grace_seconds, *[seconds + INNER_SECONDS for seconds in inner.values()]])
    until = time.monotonic() + grace
    guard.set_deadline(until + MARGIN_SECONDS)
    if tree.ask_tree_to_end(me, inner_runners=set(inner)):
        guard.ask_to_end(list(inner))
    while not children.are_gone and time.monotonic() < until and not inbox.guard_died:
        wait(until)
        children.reap()


def kill(children: "Children", *, group: str | None, guard: "Channel", wait: "Callable[[float], None]") -> list[int]:
    """Send KILL until no child is left; return the pids that do not end."""
    if group is not None:
        cgroup.kill_all(group)
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        children.reap()
        if children.are_gone:
            return []
        if tree.kill_tree(posix.getpid()):
            guard.ask_to_kill()
        if time.monotonic() >= give_up:
            return [pid for pid, _ in proc.descendants(posix.getpid())]
        wait(time.monotonic() + _KILL_AGAIN_SECONDS)
