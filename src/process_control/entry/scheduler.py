"""What `process-control scheduler` becomes: the parent of the scheduler and of the launcher.

Lean module. It is the process that people and systemd see, and it does nothing but to start the two, to start again
the one that died, and to pass signals on. It stays root where jobs run as another user: the launcher has to. The
scheduler becomes that user. Both have one end of a socket pair, which this process keeps open: what the one has sent is
there for the other, also when that one is a new process.
"""

import _signal
import _socket
import posix
import select
import sys
import time

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])

from process_control.errors import (  # noqa: E402
    FINE,
    BadConfiguration,
    JobNotFound,
    NotPermitted,
    NotStarted,
    OwnFault,
    UsageError,
)
from process_control.system import linux  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

#: Exit codes of the scheduler after which another one would end in the same way.
FINAL = (FINE, *(error.exit_code for error in (UsageError, JobNotFound, NotStarted, NotPermitted, BadConfiguration)))
SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
#: A process that ends sooner than that is started again after a delay, which doubles up to MAX_DELAY_SECONDS.
TOO_SOON_SECONDS = 5.0
FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 5.0


class Child:
    """One of the two processes: how it is started, and when it may be started again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = 0
        self.began = 0.0
        self.delay = 0.0

    def has_begun(self, pid: int) -> None:
        self.pid, self.began = pid, time.monotonic()

    def has_ended(self) -> None:
        """Forget the process, and double the delay if it ended soon."""
        self.pid = 0
        if time.monotonic() - self.began >= TOO_SOON_SECONDS:
            self.delay = 0.0
        else:
            self.delay = min(max(2 * self.delay, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)


class Parent:
    """Both processes and the socket pair between them. `words`: the options for the scheduler."""

    def __init__(self, config: str | None, words: list[str]) -> None:
        self._config = config
        self._words = words
        self._scheduler, self._launcher = Child("scheduler"), Child("launcher")
        self._ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._stopping = False
        self._is_first = True
        self._pid = posix.getpid()

    def run(self) -> int:
        """Keep both running until the scheduler ends by itself; return its exit code."""
        for number in SIGNALS:
            _signal.signal(number, self._hand_on)
        while True:
            if not self._launcher.pid:
                self._start(self._launcher, self._become_launcher)
            if not self._scheduler.pid:
                self._start(self._scheduler, self._become_scheduler)
            if not self._scheduler.pid:
                return self._end(FINE)
            pid, status = posix.waitpid(-1, 0)  # as process 1 of a container also of others
            if pid == self._launcher.pid:
                self._launcher.has_ended()
            elif pid == self._scheduler.pid:
                self._scheduler.has_ended()
                code = posix.waitstatus_to_exitcode(status)
                has_never_run = self._is_first and code >= 0 and self._scheduler.delay > 0
                self._is_first = False
                if not self._stopping and (code in FINAL or has_never_run):
                    return self._end(code)

    def _start(self, child: Child, become: object) -> None:
        """Start a child, unless we were asked to end while it had to wait."""
        select.poll().poll(int(1000 * child.delay))
        _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)  # none may come before we know whom to pass it to
        try:
            if self._stopping:
                return
            pid = posix.fork()
            if pid == 0:
                try:
                    for number in SIGNALS:
                        _signal.signal(number, _signal.SIG_DFL)
                    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, SIGNALS)
                    become()  # type: ignore[operator]
                finally:
                    posix._exit(OwnFault.exit_code)
            child.has_begun(pid)
        finally:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, SIGNALS)

    def _become_launcher(self) -> "NoReturn":
        posix.setsid()  # a Ctrl-C is for the parent
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)
        posix.close(null)
        self._ends[0].close()
        from process_control.cli.run_job.launcher import serve

        serve(self._ends[1].detach(), self._config)

    def _become_scheduler(self) -> "NoReturn":
        posix.setpgid(0, 0)
        linux.set_parent_death_signal(_signal.SIGKILL)  # no end is recorded: the scheduler has not been stopped
        if posix.getppid() != self._pid:  # it has died already
            posix._exit(OwnFault.exit_code)
        self._ends[1].close()
        orders = self._ends[0].fileno()
        posix.set_inheritable(orders, True)
        flags = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
        command = [sys.executable, *flags, "-I", "-S", f"{PACKAGE}/entry/commands.py"]
        command += ["--config", self._config] if self._config else []
        posix.execve(sys.executable, [*command, "scheduler", f"--orders={orders}", *self._words], posix.environ)

    def _hand_on(self, number: int, _frame: object) -> None:
        """Pass a signal on to the scheduler; TERM and INT end all of us, and no run."""
        if number != _signal.SIGHUP:
            self._stopping = True
            number = _signal.SIGTERM
        if self._scheduler.pid:
            try:
                posix.kill(self._scheduler.pid, number)
            except ProcessLookupError:  # waitpid has just found its end
                pass

    def _end(self, code: int) -> int:
        if self._launcher.pid:
            posix.kill(self._launcher.pid, _signal.SIGKILL)
            posix.waitpid(self._launcher.pid, 0)
        return code


def main() -> int:
    """Run with the command line `[--config FILE] [options of the scheduler]`; return the exit code."""
    words = sys.argv[1:]
    config = None
    if words[:1] == ["--config"]:
        config, words = words[1], words[2:]
    linux.set_process_name(b"scheduler-main")
    return Parent(config, words).run()


if __name__ == "__main__":
    sys.exit(main())
