"""The guard of a run longer than 100 ms: it enforces the runner's deadlines, and ends what is left.

Lean module, imported 100 ms after the start and not later, since the package may be replaced while a long job runs. The
guard opens no file of the job, so that limits hold even when the runner hangs in the kernel or is stopped.
"""

import _signal
import posix
import select
import time

from process_control.core.facts import signal_name
from process_control.execution import groups_of_runs, tree
from process_control.execution.guard_channel import MARGIN_SECONDS
from process_control.system import proc, signals
from process_control.system.clock import wait_milliseconds

#: How long a runner whose tree has been killed may take to record that, before it is killed too.
RUNNER_SECONDS = 10.0
_KILL_AGAIN_MILLISECONDS = 10
_GIVE_UP_ROUNDS = 500
_MAX_LINE = 1 << 16


class _Woken(Exception):
    """Raised by a signal handler that moved the deadline during a poll."""


class Watch:
    """The guard's state of its runner. `handle` is a pidfd of it, `channel` the pipe with its requests.

    `why_ended` is the reason, in words, why the guard has killed a runner that did not answer; None if it has not.
    """

    __slots__ = (
        "_asleep",
        "_began",
        "_channel",
        "_deadline",
        "_grace",
        "_handle",
        "_has_command",
        "_has_tree",
        "_poll",
        "_rest",
        "_runner",
        "_stopped_by",
        "why_ended",
    )

    def __init__(self, runner: int, handle: int, channel: int, *, start_seconds: float) -> None:
        self._runner = runner
        self._handle = handle
        self._channel = channel
        self._began = time.monotonic()
        self._deadline: float | None = self._began + start_seconds
        self._grace: float | None = 0.0
        self._has_tree = False
        self._has_command = False
        self._stopped_by: int | None = None
        self.why_ended: str | None = None
        self._asleep = False
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)
        self._poll.register(channel, select.POLLIN)
        self._take_over_signals()

    def _take_over_signals(self) -> None:
        signals.hear((*signals.STOPPING, *signals.HANDED_ON, signals.STOP_REQUEST), self._hand_on)
        signals.hear((signals.GUARD_DIED,), self._hand_on_as_term)
        _signal.signal(_signal.SIGCHLD, self._continue_the_stopped)
        signals.hear_others(self._hand_on_as_term)
        self._continue_the_stopped(0, None)  # the runner may already be stopped

    def enforce_earlier(self, numbers: list[int]) -> None:
        """Enforce signals that were handed on before we were there: the runner may not answer them."""
        stopping = [number for number in numbers if number not in signals.HANDED_ON]
        if not stopping:
            return
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        if poll.poll(0):
            self._take_messages()
        self._stopped_by = self._stopped_by or stopping[0]
        self._bring_the_deadline_forward()

    def wait(self) -> bool:
        """Wait until the runner has ended, and enforce its deadline; False when it cannot be killed."""
        while True:
            try:
                self._asleep = True
                left = None if self._deadline is None else self._deadline - time.monotonic()
                events = [] if left is not None and left <= 0 else self._poll.poll(wait_milliseconds(left))
                self._asleep = False
            except _Woken:
                continue
            if any(descriptor == self._handle for descriptor, _ in events):
                return True
            for _ in events:
                self._take_messages()
            if self._deadline is not None and time.monotonic() >= self._deadline and not self._enforce():
                return False

    def _take_messages(self) -> None:
        data = posix.read(self._channel, 4096)
        if not data:  # the runner is ending
            self._poll.unregister(self._channel)
            return
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:_MAX_LINE]  # bounded, as a job may have got hold of the pipe
        for line in lines:
            try:
                self._take(line[:1], line[2:].split())
            except (OSError, ValueError):  # no descriptor left for /proc, or garbage: the deadline stays
                pass

    def _take(self, word: bytes, values: list[bytes]) -> None:
        if word == b"D":
            self._deadline, self._grace = map(_seconds, values)
            self._has_tree = True
            self._has_command = self._has_command or self._grace is not None
            return
        if word == b"K":
            tree.kill_tree(self._runner)
        else:
            tree.ask_tree_to_end(self._runner, inner_runners={int(value) for value in values})

    def _enforce(self) -> bool:
        """Send KILL after the deadline: first to the runner's tree, then to the runner. Return False if it survives."""
        self._signal_runner(_signal.SIGCONT)
        if self._has_tree:
            self._has_tree = False
            self._deadline, self._grace = time.monotonic() + RUNNER_SECONDS, None
            end_tree_of(self._runner)
            return True
        self.why_ended = self._why()
        self._signal_runner(_signal.SIGKILL)
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        self._deadline = None
        return bool(poll.poll(int(RUNNER_SECONDS * 1000)))

    def _why(self) -> str:
        """Return why the guard kills the runner, and what the runner is doing."""
        took = f"after {time.monotonic() - self._began:.0f} s"
        why = "it did not answer any more"
        if self._stopped_by is not None:
            why = f"it did not follow signal {signal_name(self._stopped_by)}"
        elif not self._has_command:
            why = "it had not come as far as its command"
        return f"its guard ended it {took}: {why}; it {_what_it_does(self._runner)}"

    def _hand_on(self, number: int, _frame: object) -> None:
        self._signal_runner(number)
        self._signal_runner(_signal.SIGCONT)
        if number not in signals.HANDED_ON:
            self._stopped_by = self._stopped_by or number
            self._bring_the_deadline_forward()

    def _hand_on_as_term(self, _number: int, frame: object) -> None:
        self._hand_on(_signal.SIGTERM, frame)

    def _bring_the_deadline_forward(self) -> None:
        if self._grace is None:
            return
        at = time.monotonic() + self._grace + MARGIN_SECONDS
        if self._deadline is None or at < self._deadline:
            self._deadline = at
            if self._asleep:
                self._asleep = False
                raise _Woken

    def _continue_the_stopped(self, _number: int, _frame: object) -> None:
        """Continue a stopped runner: a STOP by its job or a terminal must not suspend its limits."""
        try:
            if posix.waitid(posix.P_PID, self._runner, posix.WSTOPPED | posix.WNOHANG) is not None:
                self._signal_runner(_signal.SIGCONT)
        except OSError:
            pass

    def _signal_runner(self, number: int) -> None:
        """Signal by pidfd: the pid may belong to another process by now."""
        try:
            _signal.pidfd_send_signal(self._handle, number)
        except OSError:
            pass


def _what_it_does(pid: int) -> str:
    try:
        words = proc.state_in_words(pid)
        return words if words.startswith("waits") else f"was {words}"
    except OSError:  # no descriptor left at the moment
        return "could not be looked at"


def _seconds(text: bytes) -> float | None:
    """Return a number that the runner sent, checked: it may be of another account. Raises ValueError."""
    value = None if text == b"-" else float(text)
    if value is not None and not 0 <= value < 1e12:
        raise ValueError("no moment")
    return value


def end_tree_of(runner: int) -> None:
    """Send KILL to every process below the runner until none is alive, or for 5 s; it reaps its zombies itself."""
    poll = select.poll()
    for _ in range(_GIVE_UP_ROUNDS):
        try:
            alive = [pid for pid, _ in proc.descendants(runner) if proc.is_alive(pid, None)]
            if not alive:
                return
            tree.kill_tree(runner)
            for pid in alive:
                groups_of_runs.kill_group_of(pid)
        except OSError:  # no descriptor left at the moment
            pass
        poll.poll(_KILL_AGAIN_MILLISECONDS)


def end_what_is_left() -> None:
    """Send KILL to every process that the dead runner left to us until there is none, for 5 s at most."""
    poll = select.poll()
    for _ in range(_GIVE_UP_ROUNDS):
        try:
            if tree.kill_tree(posix.getpid()):  # one belongs to another user, and we are not root
                for child in proc.children(posix.getpid()):
                    groups_of_runs.kill_group_of(child)
        except OSError:  # no descriptor left at the moment
            pass
        try:
            while posix.waitpid(-1, posix.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        poll.poll(_KILL_AGAIN_MILLISECONDS)
