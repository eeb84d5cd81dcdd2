"""The parent of one run of the fleet: it ends the run when the worker that has asked for it dies, or says so.

Lean module. It writes to no pipe: a worker that has died reads none. What it has to say is in a file, which it writes
when no process of the run is left. `run-job` dies with it, so that its guard ends the run.

Its words: the pid of the worker, the file for the result, that for what `run-job` prints to stderr, and the command
line of `run-job`. The worker holds the other end of stdin: `kill`, or its end, ends the run at once.
"""

import _signal
import posix
import select
import sys

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])

from process_control.errors import BY_SIGNAL, FINE, OwnFault  # noqa: E402
from process_control.system import linux  # noqa: E402
from process_control.system.json_text import encode  # noqa: E402

#: What is left of a killed run has died by then, or is in uninterruptible sleep: the next start finds it.
MAX_SECONDS_TO_DIE = 10.0
_WORKER_DIED, _ASKED = "its worker died", "its worker ended it"


def main(words: "list[str]") -> int:
    """Run the command until it has ended, and write how."""
    worker, result, complaints, *command = words
    linux.set_process_name(b"fleet-keeper")
    linux.set_child_subreaper()
    handle = posix.pidfd_open(int(worker))
    if posix.getppid() != int(worker):
        return OwnFault.exit_code
    guard = _start(command, complaints)
    code, killed = _watch(guard, handle)
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
        posix.setsid()
        null = posix.open("/dev/null", posix.O_RDWR)
        said = posix.open(complaints, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o640)
        for number, descriptor in enumerate((null, null, said)):
            posix.dup2(descriptor, number)
        posix.execve(command[0], command, posix.environ)
    finally:
        posix._exit(OwnFault.exit_code)


def _watch(guard: int, worker: int) -> "tuple[int, str | None]":
    """Wait for the guard; return its exit code, and why the run was killed."""
    handle = posix.pidfd_open(guard)
    poll = select.poll()
    for descriptor in (0, worker, handle):
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if handle in ready:
            return _reap(guard), None
        killed = _ASKED if 0 in ready and posix.read(0, 64).startswith(b"kill") else _WORKER_DIED
        _kill(handle)
        code = _reap(guard)
        _wait_for_the_rest()
        return code, killed


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
