"""Start a program outside the tree of the run, without waiting for it.

Lean module, loaded when one is started.
"""

import _signal
import posix
import select

from process_control.errors import NO_COMMAND
from process_control.system import linux, signals

#: So long the program may take to be executed; then nobody waits for that any more.
_PATIENCE_MILLISECONDS = 2000


def start_detached(
    argv: list[str], environment: dict[bytes, bytes], *, stdin: int | None = None, is_run: bool = False
) -> None:
    """Start a program outside our tree, and do not wait for it. Never raises.

    It inherits no descriptor but `stdin`. `environment` is what `core.job_environment.own_environment` returns, since
    every process of the account can read it. `is_run`: it is `run-job`, which TERM is to stop; it is waited for until
    it is executed, so that process 1 of a container sees by its command line what it is.
    """
    try:
        was_subreaper = linux.is_child_subreaper()
        # The intermediate process exits at once. If we were the subreaper then, its child would be reparented to us
        # and count as left behind by the job.
        linux.set_child_subreaper(on=False)
        ends = posix.pipe2(posix.O_CLOEXEC) if is_run else None
        try:
            between = posix.fork()
            if between == 0:
                _start_and_end(argv, environment, stdin, None if ends is None else ends[1])
            posix.waitpid(between, 0)
        finally:
            linux.set_child_subreaper(on=was_subreaper)
            if ends is not None:
                _wait_for_the_end_of(*ends)
    except OSError:
        pass


def _wait_for_the_end_of(reading: int, writing: int) -> None:
    """Wait until nobody has the pipe open for writing: the program was executed, or could not be."""
    posix.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.poll(_PATIENCE_MILLISECONDS)
    posix.close(reading)


def _start_and_end(
    argv: list[str], environment: dict[bytes, bytes], stdin: int | None, closed_by_exec: int | None
) -> None:
    """Start the program from the intermediate process, and exit. Never returns."""
    try:
        posix.setsid()
        posix.chdir("/")
        if posix.fork():
            posix._exit(0)
        null = posix.open("/dev/null", posix.O_RDWR)
        posix.dup2(null if stdin is None else stdin, 0)
        for descriptor in (1, 2):
            posix.dup2(null, descriptor)
        _signal.set_wakeup_fd(-1)
        signals.restore_defaults()
        if closed_by_exec is None:
            # systemd sends TERM to what the main process of a service leaves behind: this work is short, let it finish.
            _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        if closed_by_exec is not None and closed_by_exec != 3:
            posix.dup2(closed_by_exec, 3, inheritable=False)
        posix.closerange(3 if closed_by_exec is None else 4, 1 << 20)
        posix.execve(argv[0], argv, environment)
    finally:
        posix._exit(NO_COMMAND)
