"""The parent of one run of the fleet: it ends the run when its worker dies or says so, or when the lease is over.

Lean module. It writes to no pipe: a worker that has died reads none. What it has to say is in a file, which it writes
when no process of the run is left. `run-job` dies with it, so that its guard ends the run.

Its words: the pid of the worker, the file for the result, that for what `run-job` prints to stderr, the lease in
seconds (0: none), when the server was reached last, and the command line of `run-job`. The worker holds the other end
of stdin. A line there is a moment at which the server was reached, or `kill`; that, or the end of stdin, ends the run
at once. Moments are seconds of CLOCK_BOOTTIME: the lease of a host that sleeps ends, too. It is kept here and not by
the worker, which may be stopped or swapped out.
"""

import _signal
import posix
import select
import sys
import time

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])

from process_control.errors import BY_SIGNAL, FINE, OwnFault  # noqa: E402
from process_control.system import linux  # noqa: E402
from process_control.system.json_text import encode  # noqa: E402

#: What is left of a killed run has died by then, or is in uninterruptible sleep: the next start finds it.
MAX_SECONDS_TO_DIE = 10.0
#: The clock of the lease is looked at so often: poll(2) does not count the time in which the host slept.
LOOK_AGAIN_MILLISECONDS = 1000
SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
_WORKER_DIED = "its worker died"
_GIVEN_UP = "the server had given it up"
_LEASE_IS_OVER = "its host did not reach the server for the lease"


class Lease:
    """Until when the run may continue without news of the server."""

    def __init__(self, seconds: float, reached_at: float) -> None:
        self._seconds = seconds
        self._reached_at = reached_at

    def renew(self, lines: bytes) -> None:
        """Take what the worker has written: moments, the last of which may be cut off."""
        for line in lines.split(b"\n"):
            try:
                self._reached_at = max(self._reached_at, float(line))
            except ValueError:
                pass

    def is_over(self) -> bool:
        return self._seconds > 0 and time.clock_gettime(time.CLOCK_BOOTTIME) - self._reached_at > self._seconds


def main(words: "list[str]") -> int:
    """Run the command until it has ended, and write how."""
    worker, result, complaints, seconds, reached_at, *command = words
    for number in SIGNALS:  # they are for its worker, and for the run
        _signal.signal(number, _signal.SIG_IGN)
    linux.set_process_name(b"fleet-keeper")
    linux.set_child_subreaper()
    handle = posix.pidfd_open(int(worker))
    lease = Lease(float(seconds), float(reached_at))
    if posix.getppid() != int(worker):
        return OwnFault.exit_code
    code, killed = OwnFault.exit_code, _LEASE_IS_OVER if lease.is_over() else None
    if killed is None:
        code, killed = _watch(_start(command, complaints), handle, lease)
    _write(result, encode({"code": code, "killed": killed}).encode("ascii"))
    return FINE


def _start(command: "list[str]", complaints: str) -> int:
    keeper = posix.getpid()
    guard = posix.fork()
    if guard:
        return guard
    try:
        linux.set_parent_death_signal(_signal.SIGKILL)
        if posix.getppid() != keeper:
            posix._exit(OwnFault.exit_code)
        for number in SIGNALS:
            _signal.signal(number, _signal.SIG_DFL)
        posix.setsid()
        null = posix.open("/dev/null", posix.O_RDWR)
        stderr = posix.open(complaints, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o640)
        for number, descriptor in enumerate((null, null, stderr)):
            posix.dup2(descriptor, number)
        posix.execve(command[0], command, posix.environ)
    finally:
        posix._exit(OwnFault.exit_code)


def _watch(guard: int, worker: int, lease: Lease) -> "tuple[int, str | None]":
    """Wait for the guard; return its exit code, and why the run was killed."""
    handle = posix.pidfd_open(guard)
    poll = select.poll()
    for descriptor in (0, worker, handle):
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll(LOOK_AGAIN_MILLISECONDS)]
        if handle in ready:
            return _reap(guard), None
        killed = _why_to_kill(ready, worker, lease)
        if killed is not None:
            _kill(handle)
            code = _reap(guard)
            _wait_for_the_rest()
            return code, killed


def _why_to_kill(ready: "list[int]", worker: int, lease: Lease) -> "str | None":
    """Return why the run has to end now; None: it may continue. `ready`: what can be read."""
    if 0 in ready:
        lines = posix.read(0, 4096)
        if not lines:
            return _WORKER_DIED
        if b"kill" in lines:
            return _GIVEN_UP
        lease.renew(lines)
    if worker in ready:
        return _WORKER_DIED
    return _LEASE_IS_OVER if lease.is_over() else None


def _kill(handle: int) -> None:
    """Kill the guard: its runner ends the tree at once, and records that the run is lost."""
    _signal.signal(_signal.SIGALRM, lambda *_: posix._exit(FINE))
    _signal.setitimer(_signal.ITIMER_REAL, MAX_SECONDS_TO_DIE)
    _signal.pidfd_send_signal(handle, _signal.SIGKILL)


def _reap(guard: int) -> int:
    """Return the exit code of the guard as a shell has it."""
    code = posix.waitstatus_to_exitcode(posix.waitpid(guard, 0)[1])
    return code if code >= 0 else BY_SIGNAL - code


def _wait_for_the_rest() -> None:
    """Wait until nothing is left of a run whose guard was killed: its runner, and what that has not ended yet."""
    while True:
        try:
            posix.waitpid(-1, 0)
        except ChildProcessError:
            return


def _write(path: str, content: bytes) -> None:
    """Write the file under another name, then rename it: whoever finds it has all of it."""
    descriptor = posix.open(f"{path}.new", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW, 0o640)
    posix.write(descriptor, content)
    posix.close(descriptor)
    posix.rename(f"{path}.new", path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
