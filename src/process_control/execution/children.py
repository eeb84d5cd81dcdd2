"""The child processes of a runner: the main process of the command, and orphans of the job.

Lean module.
"""

import posix
import time

from process_control.core.facts import TREE
from process_control.execution import cgroup
from process_control.system import linux, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.facts import Facts
    from process_control.execution.guard_channel import Channel
    from process_control.execution.process import Starting

_KILL_AGAIN_SECONDS = 0.02
_GIVE_UP_SECONDS = 5.0
_SIGKILL = 9


class Running:
    """The command was executed, and runs."""

    __slots__ = ("pid",)

    def __init__(self, pid: int) -> None:
        self.pid = pid


class Ended:
    """The main process of the command has ended."""

    __slots__ = ("status",)

    def __init__(self, status: int) -> None:
        #: As waitpid(2) gives it.
        self.status = status

    @property
    def exit_code(self) -> int | None:
        return posix.WEXITSTATUS(self.status) if posix.WIFEXITED(self.status) else None

    @property
    def signal(self) -> int | None:
        return posix.WTERMSIG(self.status) if posix.WIFSIGNALED(self.status) else None


class Children:
    """All children. A subreaper inherits what the job leaves behind, so no children means that the tree is gone."""

    __slots__ = ("are_gone", "command")

    def __init__(self) -> None:
        self.are_gone = False
        #: None before the first command, and while the next one is prepared.
        self.command: Starting | Running | Ended | None = None

    def begin_command(self) -> None:
        self.command = None
        self.are_gone = False

    def reap(self) -> None:
        """Collect every child that has ended."""
        try:
            while True:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
                if pid == 0:
                    return
                if self.command is not None and not isinstance(self.command, Ended) and pid == self.command.pid:
                    self.command = Ended(status)
        except ChildProcessError:
            self.are_gone = True

    def hand_on(self, signal: int) -> None:
        """Send a signal to the command unless it was reaped: its pid may belong to another process by then."""
        if self.command is not None and not isinstance(self.command, Ended):
            try:
                posix.kill(self.command.pid, signal)
            except OSError:
                pass

    def kill(self, *, group: str | None, guard: "Channel", wait: "Callable[[float], None]") -> list[int]:
        """Do the same as `ending.kill`, when the package was replaced before that could be imported.

        Child by child: what a child leaves is our child in turn.
        """
        if group is not None:
            cgroup.kill_all(group)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            self.reap()
            if self.are_gone:
                return []
            left = proc.children(posix.getpid())
            if time.monotonic() >= give_up:
                return left
            for pid in left:
                try:
                    posix.kill(pid, _SIGKILL)
                except PermissionError:
                    guard.ask_to_kill()
                except OSError:
                    pass
            wait(time.monotonic() + _KILL_AGAIN_SECONDS)


def measure(facts: "Facts", group: str | None) -> None:
    """Set CPU time, memory and I/O bytes in `facts`: of the whole group, else of the children that were waited for."""
    facts.cpu_seconds, facts.memory_bytes, facts.read_bytes, facts.written_bytes = linux.usage_of_children()
    if group is None:
        return
    cpu_seconds, memory = cgroup.cpu_seconds_of_tree(group), cgroup.memory_of_tree(group)
    if cpu_seconds is not None:
        facts.cpu_seconds, facts.cpu_of = cpu_seconds, TREE
    if memory is not None:
        (facts.memory_bytes, facts.out_of_memory), facts.memory_of = memory, TREE
