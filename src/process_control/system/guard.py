"""The guard: the process that people, cron and systemd see. It waits, hands signals on, and cleans up.

Lean room. It is the runner's parent and a subreaper, and stays root when jobs run as somebody else: if the runner is
killed, or may not signal a process of another user, the guard does it. It keeps the runner's deadlines as well, and so
does no I/O on anything that a job names: a runner that hangs in the kernel, or was stopped, holds up no limit.
"""

import _signal
import posix
import select
import time

from process_control.system import linux, signals
from process_control.system.clock import wait_milliseconds

KILLED_EXIT_CODE = 137
START_SECONDS = 120.0
"""How long a runner may take from its fork to its command, all waits by rule left out."""
MARGIN_SECONDS = 2.0
"""How long after a limit and its grace the guard sends KILL by itself."""
RUNNER_SECONDS = 10.0
"""How long a runner whose tree has been killed may take to record that, before it is killed too."""
_SETTLED_MILLISECONDS = 25
_KILL_AGAIN_MILLISECONDS = 10
_GIVE_UP_ROUNDS = 500


def fork_runner() -> tuple[int, int, int]:
    """Fork into guard and runner; return (runner's pid or 0, the guard's pid, this side's end of the channel).

    The stopping signals are blocked in both until each has its own handlers. Raises OSError.
    """
    linux.set_child_subreaper()
    guard_pid = posix.getpid()
    read_end, write_end = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    signals.block()
    signals.ignore_the_terminal()
    runner = posix.fork()
    if runner:
        posix.close(write_end)
        return runner, guard_pid, read_end
    posix.close(read_end)
    linux.set_child_subreaper()
    return 0, guard_pid, write_end


def be_bound_to(guard_pid: int) -> None:
    """In the runner, after rights were dropped: be told when the guard dies. Raises OSError."""
    linux.set_parent_death_signal(signals.GUARD_DIED)
    if posix.getppid() != guard_pid:
        posix._exit(KILLED_EXIT_CODE)


def continue_it(guard_pid: int) -> None:
    """In the runner, at its end: should somebody have stopped the guard, nobody else would let it see that end."""
    if posix.getppid() == guard_pid:
        try:
            posix.kill(guard_pid, _signal.SIGCONT)
        except OSError:  # it is root's, and we are not
            pass


class Channel:
    """The runner's end of the pipe to its guard. `is_needed` says that the guard may signal whom we may not."""

    __slots__ = ("_descriptor", "is_needed")

    def __init__(self, descriptor: int, *, is_needed: bool) -> None:
        self._descriptor = descriptor
        self.is_needed = is_needed

    def set_deadline(self, at: float | None, *, grace_seconds: float | None = None) -> None:
        """Have the guard kill our tree at `at` (monotonic seconds; None: at no time).

        When a stop is asked of the guard, it does so `grace_seconds` and 2 s later; None: a stop changes nothing.
        """
        moment = "-" if at is None else f"{at:.3f}"
        self._send(f"D {moment} {'-' if grace_seconds is None else f'{grace_seconds:.3f}'}\n")

    def ask_to_kill(self) -> None:
        """Have the guard send KILL to our whole tree."""
        if self.is_needed:
            self._send("K\n")

    def ask_to_end(self, inner_runners: list[int]) -> None:
        """Have the guard send TERM to our tree, but for what belongs to these inner runs."""
        if self.is_needed:
            self._send(f"T {' '.join(map(str, inner_runners))}\n")

    def _send(self, line: str) -> None:
        try:
            posix.write(self._descriptor, line.encode("ascii"))
        except OSError:  # the guard is gone, or stopped for very long: then there is nobody to be told
            pass


class _Woken(Exception):
    """A signal has moved the deadline while the guard slept."""


class _Watch:
    """What the guard knows of its runner."""

    __slots__ = ("_asleep", "_channel", "_deadline", "_grace", "_handle", "_has_tree", "_poll", "_rest", "_runner")

    def __init__(self, runner: int, channel: int, *, start_seconds: float) -> None:
        self._runner = runner
        self._channel = channel
        self._handle = posix.pidfd_open(runner)
        self._deadline: float | None = time.monotonic() + start_seconds
        self._grace: float | None = 0.0
        self._has_tree = False
        self._asleep = False
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLIN)

    def take_over_signals(self) -> None:
        signals.hear(signals.STOPPING, self._hand_on)
        signals.hear((*signals.HANDED_ON, signals.STOP_REQUEST), self._hand_on)
        _signal.signal(_signal.SIGCHLD, self._continue_the_stopped)
        signals.unblock()

    def wait_for_a_moment(self) -> bool:
        """Wait for 25 ms; return whether the runner has ended. What it wants of us can wait so long."""
        if self._poll.poll(_SETTLED_MILLISECONDS):
            return True
        signals.hear((*signals.OTHERS, signals.GUARD_DIED), self._hand_on_as_term)
        signals.unblock_all()
        self._poll.register(self._channel, select.POLLIN)
        return False

    def wait(self) -> bool:
        """Wait until the runner has ended, keeping its deadline; False when it cannot be ended."""
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
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                self._take(line[:1], line[2:].split())
            except (OSError, ValueError):  # this process has no descriptor left; the deadline stays
                pass

    def _take(self, word: bytes, values: list[bytes]) -> None:
        if word == b"D":
            self._deadline, self._grace = (None if value == b"-" else float(value) for value in values)
            self._has_tree = True
            return
        from process_control.system import tree

        if word == b"K":
            tree.kill_tree(self._runner)
        else:
            tree.ask_tree_to_end(self._runner, inner_runners={int(value) for value in values})

    def _enforce(self) -> bool:
        """The deadline has passed: KILL to the runner's tree, later to itself. Return False when that does not help."""
        self._signal_runner(_signal.SIGCONT)
        if self._has_tree:
            self._has_tree = False
            self._deadline, self._grace = time.monotonic() + RUNNER_SECONDS, None
            end_tree_of(self._runner)
            return True
        self._signal_runner(_signal.SIGKILL)
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        self._deadline = None
        return bool(poll.poll(int(RUNNER_SECONDS * 1000)))

    def _hand_on(self, number: int, _frame: object) -> None:
        self._signal_runner(number)
        self._signal_runner(_signal.SIGCONT)
        if number not in signals.HANDED_ON:
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
        """Whoever stops the runner (its own job, a terminal) stops the clock of its limits."""
        try:
            if posix.waitid(posix.P_PID, self._runner, posix.WSTOPPED | posix.WNOHANG) is not None:
                self._signal_runner(_signal.SIGCONT)
        except OSError:
            pass

    def _signal_runner(self, number: int) -> None:
        """Signal that very process: its pid may be another's by now."""
        try:
            _signal.pidfd_send_signal(self._handle, number)
        except OSError:
            pass


def watch(runner: int, channel: int, *, start_seconds: float = START_SECONDS) -> tuple[int, bool]:
    """Wait for the runner; return the exit code for the caller, and whether the runner was killed.

    When it was, its whole tree has been ended, as far as that is possible.
    """
    watch = _Watch(runner, channel, start_seconds=start_seconds)
    watch.take_over_signals()
    if not watch.wait_for_a_moment():
        # The package may be replaced while a long job runs.
        import process_control.system.cgroup
        import process_control.system.tree  # noqa: F401

        if not watch.wait():
            return KILLED_EXIT_CODE, True
    _, status = posix.waitpid(runner, 0)
    if posix.WIFEXITED(status):
        return posix.WEXITSTATUS(status), False
    _end_what_is_left()
    return KILLED_EXIT_CODE, True


def end_tree_of(runner: int) -> None:
    """KILL every process below the runner, whose zombies only it can reap, until none is alive, or for 5 s."""
    from process_control.system import cgroup, proc, tree

    poll = select.poll()
    for _ in range(_GIVE_UP_ROUNDS):
        try:
            alive = [pid for pid, _ in proc.descendants(runner) if proc.is_alive(pid, None)]
            if not alive:
                return
            tree.kill_tree(runner)
            for pid in alive:
                cgroup.kill_group_of(pid)
        except OSError:  # no descriptor left, just now
            pass
        poll.poll(_KILL_AGAIN_MILLISECONDS)


def _end_what_is_left() -> None:
    """KILL every process that the dead runner left to us, until there is none."""
    from process_control.system import cgroup, proc, tree

    poll = select.poll()
    for _ in range(_GIVE_UP_ROUNDS):
        try:
            if tree.kill_tree(posix.getpid()):  # a process of another user, and we are not root
                for child in proc.children(posix.getpid()):
                    cgroup.kill_group_of(child)
        except OSError:  # no descriptor left, just now
            pass
        try:
            while posix.waitpid(-1, posix.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        poll.poll(_KILL_AGAIN_MILLISECONDS)


def adopt_orphans_of_a_container() -> None:
    """As process 1, put a process in between: orphans of others land at 1, which only reaps; the guard is below it.

    Returns in the child; process 1 itself hands signals on, reaps, and exits as the guard did.
    """
    signals.block()
    guard = posix.fork()
    if guard == 0:
        signals.unblock_all()
        return

    def hand_on(number: int, _frame: object) -> None:
        posix.kill(guard, number)

    signals.hear((*signals.STOPPING, *signals.HANDED_ON, *signals.OTHERS), hand_on)
    signals.unblock_all()
    while True:
        pid, status = posix.waitpid(-1, 0)
        if pid == guard:
            posix._exit(posix.waitstatus_to_exitcode(status) if posix.WIFEXITED(status) else KILLED_EXIT_CODE)
