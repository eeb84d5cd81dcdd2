"""Write shown output to a descriptor that may block, from a small separate process.

Lean module, imported when there is such a descriptor. The process is not part of the run's tree; it ends soon after
the runner, even when its reader takes nothing.
"""

import _signal
import posix
import select

from process_control.system import linux, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.system.account import Account

_QUEUE, _OUTPUT, _LIVES = 0, 1, 2
_LOOK_SECONDS, _LOOKS = 0.5, 4
_MAX_MILLISECONDS = 4000
_FROM_THE_TERMINAL = (_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU)


class Relay:
    """The process that writes. Write to `queue`, which does not block; closing it ends the process."""

    __slots__ = ("_lives", "queue")

    def __init__(self, queue: int, lives: int) -> None:
        self.queue = queue
        self._lives = lives

    def wait(self) -> None:
        """Wait until the process has ended. Close `queue` first."""
        poll = select.poll()
        poll.register(self._lives, select.POLLHUP)
        poll.poll(_MAX_MILLISECONDS)
        posix.close(self._lives)


def start_relay(descriptor: int, account: "Account | None") -> Relay | None:
    """Start the process that writes to `descriptor`, as `account` when we are root; None when it cannot be started."""
    queue_end, queue = posix.pipe2(posix.O_CLOEXEC)
    posix.set_blocking(queue, False)
    lives, lives_end = posix.pipe2(posix.O_CLOEXEC)
    try:
        linux.set_child_subreaper(on=False)  # else we would inherit it, and it would count as left behind
        try:
            between = posix.fork()
            if between == 0:
                _fork_and_end(queue_end, descriptor, lives_end, account)
            posix.waitpid(between, 0)
        finally:
            linux.set_child_subreaper()
    except OSError:
        posix.close(queue)
        posix.close(lives)
        return None
    finally:
        posix.close(queue_end)
        posix.close(lives_end)
    return Relay(queue, lives)


def _fork_and_end(queue: int, output: int, lives: int, account: "Account | None") -> None:
    """Start the relay from the intermediate process, and exit. Never returns."""
    try:
        if posix.fork():
            posix._exit(0)
        linux.set_process_name(b"run-job output")
        signals.let_go(ignored=(*signals.STOPPING, *_FROM_THE_TERMINAL))  # it ends with the runner, not by these
        for place, descriptor in enumerate([posix.dup(number) for number in (queue, output, lives)]):
            posix.dup2(descriptor, place)
        posix.closerange(3, 1 << 20)
        if account is not None:
            from process_control.system.account import drop_rights

            drop_rights(account)
        _hand_on()
    finally:
        posix._exit(0)


def _hand_on() -> None:
    """Copy the queue to the output until it ends; then an alarm ends the process if the reader takes nothing."""
    looks = 0
    poll = select.poll()
    poll.register(_QUEUE, 0)

    def look(_number: int, _frame: object) -> None:
        nonlocal looks
        looks += bool(poll.poll(0))  # its other end is closed
        if looks > _LOOKS:
            posix._exit(0)

    _signal.signal(_signal.SIGALRM, look)
    _signal.setitimer(_signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    while data := posix.read(_QUEUE, 1 << 16):
        while data:
            try:
                data = data[posix.write(_OUTPUT, data) :]
            except BlockingIOError:  # another process has set O_NONBLOCK on the shared descriptor
                writable = select.poll()
                writable.register(_OUTPUT, select.POLLOUT)
                writable.poll(1000)
