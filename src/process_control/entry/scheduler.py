"""What `process-control scheduler` becomes: the parent of the scheduler and of the launcher.

Lean module. It is the process that people and systemd see, and it does nothing but to start the two, to start again
the one that died, and to pass signals on. Signals are blocked and waited for, so none is missed at any moment. It stays
root where jobs run as another user: the launcher has to. The scheduler becomes that user. Both have one end of a socket
pair, which this process keeps open: what the one has sent is there for the other, also when that one is a new process.
As process 1 of a container it stops the runs before it ends: the kernel would kill them.
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
from process_control.system import linux, proc  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

#: Exit codes of the first scheduler after which another one would end in the same way.
FINAL = (FINE, *(error.exit_code for error in (UsageError, JobNotFound, NotStarted, NotPermitted, BadConfiguration)))
SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
#: A process that ends sooner than that is started again after a delay, which doubles up to MAX_DELAY_SECONDS.
TOO_SOON_SECONDS = 5.0
FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 5.0
#: Signals wake it.
MAX_WAIT_SECONDS = 3600.0


class Child:
    """One of the two processes: how it is started, and when it may be started again."""

    def __init__(self, name: str, become: "Callable[[], NoReturn]") -> None:
        self.name = name
        self.become = become
        self.pid = 0
        #: by the monotonic clock: when it was started last, and from when on it may be started again
        self.began = self.may_begin = 0.0
        self.delay = 0.0

    def has_begun(self, pid: int) -> None:
        self.pid, self.began = pid, time.monotonic()

    def has_ended(self) -> None:
        """Forget the process, and double the delay if it ended soon."""
        self.pid = 0
        now = time.monotonic()
        if now - self.began >= TOO_SOON_SECONDS:
            self.delay = 0.0
        else:
            self.delay = min(max(2 * self.delay, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)
        self.may_begin = now + self.delay


class Parent:
    """Both processes and the socket pair between them. `words`: the options for the scheduler."""

    def __init__(self, config: str | None, words: list[str]) -> None:
        self._config = config
        self._words = words
        self._scheduler = Child("scheduler", self._become_scheduler)
        self._launcher = Child("launcher", self._become_launcher)
        self._ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        #: what the scheduler was asked for: to start nothing more. It outlives the one that was asked.
        self._wish = posix.memfd_create("wish", posix.MFD_CLOEXEC)
        self._stopping = False
        self._is_first = True
        self._pid = posix.getpid()

    def run(self) -> int:
        """Keep both running until the scheduler ends by itself; return its exit code."""
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (*SIGNALS, _signal.SIGCHLD))
        while True:
            self._start_both()
            found = _signal.sigtimedwait((*SIGNALS, _signal.SIGCHLD), self._seconds())
            if found is not None and found.si_signo in SIGNALS:
                self._hand_on(found.si_signo)
            code = self._reap()
            if self._stopping and not self._scheduler.pid:
                code = FINE
            if code is not None:
                return self._end(code)

    def _start_both(self) -> None:
        for child in (self._launcher, self._scheduler):
            if child.pid or time.monotonic() < child.may_begin:
                continue
            try:
                self._start(child)
            except OSError as error:  # the host has no process left: for the moment
                child.began = time.monotonic()
                child.has_ended()
                _say(f"the {child.name} cannot be started: {error.strerror}")

    def _start(self, child: Child) -> None:
        pid = posix.fork()
        if pid == 0:
            try:
                for number in SIGNALS:
                    _signal.signal(number, _signal.SIG_DFL)
                if child is self._scheduler:  # a reload does not end it before it can handle that
                    _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (*SIGNALS, _signal.SIGCHLD))
                child.become()
            finally:
                posix._exit(OwnFault.exit_code)
        child.has_begun(pid)

    def _seconds(self) -> float:
        """Return how long to wait for a signal: until a process may be started again."""
        waits = [child.may_begin for child in (self._launcher, self._scheduler) if not child.pid]
        return max(0.0, min(waits) - time.monotonic()) if waits else MAX_WAIT_SECONDS

    def _reap(self) -> int | None:
        """Reap what has ended; return the exit code of the scheduler when there is to be no other one."""
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)  # as process 1 of a container also others
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            child = next((child for child in (self._launcher, self._scheduler) if child.pid == pid), None)
            if child is None:
                continue
            child.has_ended()
            code = posix.waitstatus_to_exitcode(status)
            if child is self._scheduler:
                is_final = code == FINE or (self._is_first and (code in FINAL or (code > 0 and child.delay > 0)))
                self._is_first = False
                if is_final:
                    return code
            if not self._stopping:
                how = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
                _say(f"the {child.name} {how}: it is started again in {child.delay:g} s")

    def _become_launcher(self) -> "NoReturn":
        posix.setsid()  # a Ctrl-C is for the parent
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)
        posix.close(null)
        self._ends[0].close()
        posix.close(self._wish)
        from process_control.cli.run_job.launcher import serve

        serve(self._ends[1].detach(), self._config)

    def _become_scheduler(self) -> "NoReturn":
        posix.setpgid(0, 0)
        linux.set_parent_death_signal(_signal.SIGKILL)  # no end is recorded: the scheduler has not been stopped
        if posix.getppid() != self._pid:  # it has died already
            posix._exit(OwnFault.exit_code)
        self._ends[1].close()
        orders = self._ends[0].fileno()
        for descriptor in (orders, self._wish):
            posix.set_inheritable(descriptor, True)
        flags = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
        command = [sys.executable, *flags, "-I", "-S", f"{PACKAGE}/entry/commands.py"]
        command += ["--config", self._config] if self._config else []
        command += ["scheduler", f"--orders={orders}", f"--wish={self._wish}", *self._words]
        posix.execve(sys.executable, command, posix.environ)

    def _hand_on(self, number: int) -> None:
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
        if posix.getpid() == 1:
            _stop_all_children()
        return code


def _stop_all_children() -> None:
    """Stop the runs, as process 1 which has inherited their guards, and wait until each has recorded its end."""
    stopped: set[int] = set()
    while True:
        for pid in proc.children(posix.getpid()):
            if pid not in stopped:
                stopped.add(pid)
                posix.kill(pid, _signal.SIGTERM)
        try:
            posix.waitpid(-1, 0)
        except ChildProcessError:
            return


def _say(text: str) -> None:
    """Print a line on stderr, unless nobody reads it."""
    stamp = "" if b"JOURNAL_STREAM" in posix.environ else time.strftime("%H:%M:%S ")
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        if poll.poll(0):
            posix.write(2, f"{stamp}{text}\n".encode())
    except OSError:
        pass


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
