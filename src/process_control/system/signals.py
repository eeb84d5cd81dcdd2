"""The signals that a runner receives, and a descriptor that wakes its poll.

Lean module: `_signal` instead of `signal`, which imports `enum`.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Real-time signals, which nothing else sends. 34 is SIGRTMIN of glibc.
GUARD_DIED = 35  # the kernel sends it when the guard is gone: KILL the tree now
STOP_REQUEST = 36  # --kill-job and on_overlap: replace send it: stop as by TERM, but asked for

STOPPING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT)
#: Passed on to the running command: they make programs write a report, or open their files again.
HANDED_ON = (_signal.SIGUSR1, _signal.SIGUSR2)
#: All others that end a process by default, see signal(7): they count as TERM. But not those that the kernel sends for
#: a fault of our own (SEGV, BUS, FPE, ILL): after a handler the faulty instruction would be repeated.
OTHERS = (
    _signal.SIGABRT,
    _signal.SIGALRM,
    _signal.SIGIO,
    _signal.SIGPROF,
    _signal.SIGPWR,
    _signal.SIGSTKFLT,
    _signal.SIGSYS,
    _signal.SIGTRAP,
    _signal.SIGVTALRM,
    _signal.SIGXCPU,
    34,
    *range(37, 65),
)
_TERMINAL_SIGNALS = (_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU)


class WaitEnded(Exception):
    """A wait for the lock ended: by a signal, by its time limit, or because the guard died."""


class Inbox:
    """The signals that this process has received. `descriptor` becomes readable with each one."""

    __slots__ = (
        "_handed_on",
        "_parent",
        "_raises",
        "_write_end",
        "descriptor",
        "guard_died",
        "stop_requested",
        "stopped_by",
    )

    def __init__(self) -> None:
        self.stopped_by: int | None = None
        self.stop_requested = False
        self.guard_died = False
        self._raises = False
        self._parent = posix.getppid()
        self._handed_on: list[int] = []
        self.descriptor, self._write_end = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)

    def open(self) -> None:
        """Take over the signals of this process; one that the caller had ignored (nohup) stays ignored."""
        _signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        hear(STOPPING, self._stop)
        hear(HANDED_ON, self._hand_on)
        _signal.signal(STOP_REQUEST, self._stop)
        _signal.signal(GUARD_DIED, self._stop)
        _signal.signal(_signal.SIGCHLD, _nothing)

    def hear_the_others(self) -> None:
        """Handle the signals that were blocked so far, see `unblock`."""
        hear_others(self._stop)

    @property
    def stopping(self) -> bool:
        return self.guard_died or self.stop_requested or self.stopped_by is not None

    def clear(self) -> None:
        """Empty the wake-up pipe."""
        try:
            while len(posix.read(self.descriptor, 512)) == 512:
                pass
        except BlockingIOError:
            pass

    def handed_on(self) -> list[int]:
        """Return the signals to pass on to the running command, and clear them."""
        numbers, self._handed_on = self._handed_on, []
        return numbers

    def interruptible(self, seconds: float) -> "Interruptible":
        """Return a context in which a stop, or the end of `seconds`, raises WaitEnded out of a system call."""
        return Interruptible(self, seconds)

    def _stop(self, number: int, _frame: object) -> None:
        if number == GUARD_DIED and posix.getppid() != self._parent:
            self.guard_died = True
        elif number == STOP_REQUEST:
            self.stop_requested = True
        elif self.stopped_by is None:
            self.stopped_by = number if number in STOPPING else _signal.SIGTERM
        self._end_the_wait()

    def _wait_is_over(self, _number: int, _frame: object) -> None:
        self._end_the_wait()

    def _end_the_wait(self) -> None:
        """Raise WaitEnded, once: it may come while the context is being entered or left."""
        if self._raises:
            self._raises = False
            raise WaitEnded

    def _hand_on(self, number: int, _frame: object) -> None:
        self._handed_on.append(number)


class Interruptible:
    """While open, signals raise WaitEnded; ITIMER_REAL ends the wait after its seconds (0: no limit)."""

    __slots__ = ("_inbox", "_seconds")

    def __init__(self, inbox: Inbox, seconds: float) -> None:
        self._inbox = inbox
        self._seconds = seconds

    def __enter__(self) -> None:
        self._inbox.hear_the_others()
        self._inbox._raises = True
        if self._inbox.stopping:  # checked only now: a signal that was blocked until now would not end the wait
            self._inbox._raises = False
            raise WaitEnded
        _signal.signal(_signal.SIGALRM, self._inbox._wait_is_over)
        _signal.setitimer(_signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        self._inbox._raises = False
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, self._inbox._stop)


def hear(numbers: "tuple[int, ...]", handler: "Callable[[int, object], None]") -> None:
    """Have `handler` called for these signals; one that the caller had ignored (nohup) stays ignored."""
    for number in numbers:
        if _signal.signal(number, handler) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_IGN)


def hear_others(handler: "Callable[[int, object], None]") -> None:
    """Have `handler` called for the signals that were blocked so far, unless they have a handler already."""
    for number in OTHERS:
        if _signal.getsignal(number) == _signal.SIG_DFL:
            _signal.signal(number, handler)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def ignore_the_terminal() -> None:
    """Ignore the stop signals of terminals (Ctrl-Z, output in the background): a stopped runner enforces no limits."""
    for number in _TERMINAL_SIGNALS:
        _signal.signal(number, _signal.SIG_IGN)


def block() -> None:
    """Block the signals that we handle, across a fork."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, (*STOPPING, *HANDED_ON, *OTHERS, STOP_REQUEST))
    if _signal.getsignal(_signal.SIGCHLD) == _signal.SIG_IGN:  # else the kernel reaps our children
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


def unblock() -> None:
    """Unblock the signals that we handle from the start, also those that the caller had blocked.

    The others stay blocked for a moment: setting a handler for each takes longer than a short run may.
    """
    _signal.pthread_sigmask(_signal.SIG_SETMASK, OTHERS)


def restore_defaults() -> None:
    """Set every signal to its default and unblock all: so every job starts."""
    for number in range(1, 65):
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def let_go(*, ignored: "tuple[int, ...]" = ()) -> None:
    """Reset all handlers, ignore the signals `ignored`, and unblock all, in a forked child."""
    _signal.set_wakeup_fd(-1)
    for number in (*STOPPING, *HANDED_ON, *OTHERS, STOP_REQUEST, GUARD_DIED, _signal.SIGCHLD):
        if callable(_signal.getsignal(number)):
            _signal.signal(number, _signal.SIG_DFL)
    for number in ignored:
        _signal.signal(number, _signal.SIG_IGN)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def die_quietly_of_an_interrupt() -> None:
    """Let Ctrl-C end this process without Python's traceback, until there is a handler."""
    if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _nothing(_number: int, _frame: object) -> None:
    """Do nothing: SIGCHLD only has to wake the poll."""


def die_within(seconds: int) -> None:
    """Have the kernel end this process after `seconds`, whatever it waits for then."""
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
    _signal.alarm(seconds)
