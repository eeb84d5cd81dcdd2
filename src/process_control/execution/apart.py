"""A process of ours that is no part of the job's tree: its parent is the guard, so nobody takes it for a leftover.

Lean module, loaded by the runs that need one.
"""

import _signal
import posix
import select

from process_control.system import linux, signals
from process_control.system.ask import detach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def work_apart(work: "Callable[[], None]", *, kept: tuple[int, ...], ends_with_guard: bool) -> None:
    """Do `work` in a process beside this one, with no descriptors but those `kept`. Raises OSError when none is had.

    What ends our tree does not reach it. `ends_with_guard`: it is killed when the guard dies; else it lives on.
    """
    was_subreaper = linux.is_child_subreaper()
    # The process in between ends at once. Were we the subreaper then, what it started would come to us, and count as
    # left behind by the job.
    linux.set_child_subreaper(on=False)
    try:
        between = posix.fork()
        if between == 0:
            _fork_and_end(work, kept, ends_with_guard)
        _, status = posix.waitpid(between, 0)
    finally:
        linux.set_child_subreaper(on=was_subreaper)
    if status:
        import errno

        raise OSError(errno.EAGAIN, posix.strerror(errno.EAGAIN))


def _fork_and_end(work: "Callable[[], None]", kept: tuple[int, ...], ends_with_guard: bool) -> None:
    """In the process in between, and then in the one that does the work. Never returns."""
    code = 1
    try:
        posix.setsid()
        between = posix.getpid()
        if posix.fork():
            posix._exit(0)
        code = 0
        detach(*kept, ignored=signals.STOPPING)
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)
        posix.close(null)
        posix.chdir("/")
        poll = select.poll()
        while posix.getppid() == between:  # the signal of a parent's death is sent for that one too
            poll.poll(1)
        if ends_with_guard:
            linux.set_parent_death_signal(_signal.SIGKILL)
        work()
    finally:
        posix._exit(code)
