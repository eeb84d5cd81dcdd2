"""Start a helper process outside the job's tree: its parent is the guard, so it never counts as a leftover.

Lean module, loaded only by runs that need such a process.
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
    """Run `work` in another process that keeps only the descriptors `kept`. Raises OSError when it cannot be started.

    Killing our tree does not reach it. `ends_with_guard`: kill it when the guard dies; otherwise it outlives the guard.
    """
    was_subreaper = linux.is_child_subreaper()
    # The intermediate process exits at once. If we were the subreaper then, its child would be reparented to us and
    # count as left behind by the job.
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
    """Fork again from the intermediate process, exit there, and run `work` in the grandchild. Never returns."""
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
        while posix.getppid() == between:  # wait, or the death signal would be sent for this parent too
            poll.poll(1)
        if ends_with_guard:
            linux.set_parent_death_signal(_signal.SIGKILL)
        work()
    finally:
        posix._exit(code)
