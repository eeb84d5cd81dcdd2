"""Start a program outside the tree of the run, without waiting for it.

Lean module, loaded when one is started.
"""

import _signal
import posix

from process_control.errors import NO_COMMAND
from process_control.system import linux, signals


def start_detached(argv: list[str], environment: dict[bytes, bytes], *, stdin: int | None = None) -> None:
    """Start a program outside our tree, and do not wait for it. Never raises.

    It inherits no descriptor but `stdin`. `environment` is what `core.job_environment.own_environment` returns, since
    every process of the account can read it.
    """
    try:
        was_subreaper = linux.is_child_subreaper()
        # The intermediate process exits at once. If we were the subreaper then, its child would be reparented to us
        # and count as left behind by the job.
        linux.set_child_subreaper(on=False)
        try:
            between = posix.fork()
            if between == 0:
                _start_and_end(argv, environment, stdin)
            posix.waitpid(between, 0)
        finally:
            linux.set_child_subreaper(on=was_subreaper)
    except OSError:
        pass


def _start_and_end(argv: list[str], environment: dict[bytes, bytes], stdin: int | None) -> None:
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
        # systemd sends TERM to what the main process of a service leaves behind: this work is short, let it finish.
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        posix.closerange(3, 1 << 20)
        posix.execve(argv[0], argv, environment)
    finally:
        posix._exit(NO_COMMAND)
