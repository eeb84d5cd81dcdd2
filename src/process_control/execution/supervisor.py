"""Supervise one attempt: start its commands in turn, read what they print, keep the limits, end the tree.

Lean module: the adapter of the Executor port. It tells facts and decides nothing about their meaning. This process is
a subreaper: whatever the job leaves behind becomes its child, so "no children" means that the tree is gone.
"""

import posix
import select
import time

from process_control.core.facts import TREE, Facts
from process_control.execution import cgroup, process
from process_control.execution.capture import ERR, OUT, Capture, Order, make_pipe
from process_control.execution.guard_channel import MARGIN_SECONDS
from process_control.system import linux, proc
from process_control.system.clock import wait_milliseconds
from process_control.system.signals import STOPPING, Inbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from process_control.execution.guard_channel import Channel
    from process_control.execution.output_watch import OutputWatch
    from process_control.execution.stdout_copy import StdoutCopy

DRAIN_SECONDS = 2.0
INNER_SECONDS = 2.0
"""What an inner run (of a sub-job) gets besides its own grace, to record its end."""
SETTLED_SECONDS = 0.025
_SAME_MOMENT_SECONDS = 0.25
_KEEP_TO_AGAIN_SECONDS = 1.0
_SHOW_AGAIN_SECONDS = 0.05
_KILL_AGAIN_SECONDS = 0.02
_GIVE_UP_SECONDS = 5.0
_COPY_MILLISECONDS = 50


class TimeLimits:
    """How long one attempt may take, in seconds; `timeout_seconds` 0 is no limit, and so is `silence_seconds`."""

    __slots__ = ("drain_seconds", "grace_seconds", "keep_leftovers", "silence_seconds", "timeout_seconds")

    def __init__(
        self, *, timeout_seconds: float, grace_seconds: float, keep_leftovers: bool, silence_seconds: float = 0.0
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.silence_seconds = silence_seconds
        self.grace_seconds = grace_seconds
        self.keep_leftovers = keep_leftovers
        self.drain_seconds = DRAIN_SECONDS


class Supervisor:
    """One attempt from its first command to the end of its tree.

    `guard` is the way to our guard, which keeps the time limits should we not be able to; `block_of(slug)` returns the
    block of a job, for runs inside of this one. `settled()` is called once, as soon as the job has lived for 25 ms (or
    at its end): time to import what the end may need, step by step; between two steps the output is read.
    `make_watch()` is called when the first command runs, for a job whose rules look at lines of output.
    """

    __slots__ = (
        "_block_of",
        "_capture",
        "_children_gone",
        "_deadline",
        "_describe",
        "_flush",
        "_guard",
        "_heard_at",
        "_inbox",
        "_kept_to_at",
        "_limits",
        "_main",
        "_make_watch",
        "_open_streams",
        "_order",
        "_poll",
        "_report",
        "_run_id",
        "_settled",
        "_settles_at",
        "_shows_late",
        "_started",
        "_status",
        "_surroundings",
        "_watch",
        "facts",
    )

    def __init__(
        self,
        *,
        run_id: str,
        limits: TimeLimits,
        capture: Capture,
        inbox: Inbox,
        guard: "Channel",
        block_of: "Callable[[str], dict[str, object] | None]",
        settled: "Callable[[], Iterator[None]]",
        surroundings: process.Surroundings,
        flush: "Callable[[], bool]",
        describe: "Callable[[list[int]], list[str]]",
        make_watch: "Callable[[], OutputWatch] | None" = None,
    ) -> None:
        self._run_id = run_id
        self._limits = limits
        self._capture = capture
        self._inbox = inbox
        self._guard = guard
        self._block_of = block_of
        self._settled: Callable[[], Iterator[None]] | None = settled
        self._surroundings = surroundings
        self._flush = flush
        self._describe = describe
        self._shows_late = False
        self._make_watch = make_watch
        self._watch: OutputWatch | None = None
        self._started = time.monotonic()
        self._settles_at = self._started + SETTLED_SECONDS
        self._poll = select.poll()
        self._poll.register(inbox.descriptor, select.POLLIN)
        self._open_streams: dict[int, bytes] = {}
        self._order = Order()
        self._main = 0
        self._report = -1
        self._status: int | None = None
        self._children_gone = False
        self._deadline: float | None = None
        self._heard_at = 0.0
        self._kept_to_at = 0.0
        self.facts = Facts()
        self.facts.timeout_seconds = limits.timeout_seconds

    def execute(self, commands: list[list[str]], *, goes_on: "Callable[[Facts], bool]") -> Facts:
        """Run the commands in sequence and return the facts. `goes_on(facts)` says after each whether the list does."""
        self._started = self._heard_at = time.monotonic()
        if self._limits.timeout_seconds:
            self._deadline = self._started + self._limits.timeout_seconds
        self._keep_to(self._next_limit())
        completed = self._run_commands(commands, goes_on)
        self._finish(completed)
        self._measure()
        if self._surroundings.cgroup is not None:
            cgroup.remove(self._surroundings.cgroup)
        if completed and self._limits.keep_leftovers and not self._inbox.guard_died:
            self._capture.keep_open(self._open_streams)
        else:
            for descriptor in self._open_streams:
                posix.close(descriptor)
        self._order.close()
        self._capture.watch = None
        return self.facts

    def _run_commands(self, commands: list[list[str]], goes_on: "Callable[[Facts], bool]") -> bool:
        """Return True when the list came to its end by itself, False when something has to end the tree."""
        for index, argv in enumerate(commands):
            self.facts.command_index = index
            if self._is_over():
                return False
            self._status = None
            self._children_gone = False
            try:
                if not self._start(argv) or not self._wait_for_main():
                    return False
            except process.NotExecuted as error:
                self.facts.not_started, self.facts.not_started_code = error.why, error.code
                self.facts.not_started_passing = error.is_passing
                return True
            finally:
                # No sooner: the end of each stream would wake us, and once more the end of the process.
                self._surroundings.close_streams()
            self._read_all()
            self._note_exit()
            self._finish_lines()
            if not goes_on(self.facts):
                return True
        return True

    def _start(self, argv: list[str]) -> bool:
        """Start the command, with pipes of its own; False when a limit or a signal came first. Raises NotExecuted.

        What one command does to its pipe (O_NONBLOCK, its size) is not for the next one to meet.
        """
        surroundings = self._surroundings
        has_large_pipes = self._make_watch is None  # what a pipe holds at the end has to be matched then
        surroundings.stdout = self._open_stream(OUT, is_large=has_large_pipes)
        surroundings.stderr = self._open_stream(ERR, is_large=has_large_pipes)
        starting = process.start(argv, surroundings)
        self._main = starting.pid
        self._poll.register(starting.report, select.POLLIN)
        self._report = starting.report
        try:
            while self._report >= 0:
                if self._is_over():
                    self.facts.was_starting = True
                    starting.give_up()
                    return False
                self._wait(self._next_limit())
        finally:
            self._poll.unregister(starting.report)
            self._report = -1
        if self._make_watch is not None:
            self._begin_to_watch()
        starting.finish()
        return True

    def _open_stream(self, stream: bytes, *, is_large: bool) -> int:
        """Make a pipe, read its one end from now on, and return the other. Raises NotExecuted."""
        try:
            read_end, write_end = make_pipe(is_large=is_large)
        except OSError as error:
            raise process.no_process(error) from error
        self._open_streams[read_end] = stream
        self._poll.register(read_end, select.POLLIN)
        self._order.add(read_end)
        return write_end

    def _begin_to_watch(self) -> None:
        """Have the output watched from now on; what was printed meanwhile waits in the pipes."""
        if self._watch is None and self._make_watch is not None:
            try:
                self._watch = self._make_watch()
            except Exception:  # noqa: BLE001  half a package: never better than the truth
                self._make_watch = None
                self.facts.lines_unseen = True
                return
            self._capture.watch = self._watch.take
            self.facts.lines = self._watch.lines

    def _finish_lines(self) -> None:
        """Have matched what came so far: it is to be judged."""
        if self._watch is not None:
            self._watch.finish()

    def _keep_to(self, deadline: float | None) -> None:
        """Tell the guard when the limit of this attempt has passed, should we not see to it."""
        self._kept_to_at = time.monotonic()
        grace = self._limits.grace_seconds + _KEEP_TO_AGAIN_SECONDS * bool(self._limits.silence_seconds)
        at = None if deadline is None else deadline + grace + MARGIN_SECONDS
        self._guard.set_deadline(at, grace_seconds=grace)

    def _wait_for_main(self) -> bool:
        """Wait for the command's main process; return False when a limit or a signal came first."""
        while True:
            self._reap()
            if self._status is not None:
                return not self._was_stopped_as_it_ended() and not self._ended_past_its_limit()
            if self._is_over():
                return False
            self._wait(self._next_limit())

    def _was_stopped_as_it_ended(self) -> bool:
        """Whether a stop came in the moment in which the command ended; notes it.

        A service manager or a shutdown sends TERM to all of us at once, and we may see the command's end first.
        """
        if self._status == 0:
            return False
        if self._died_of_a_stopping_signal():
            until = time.monotonic() + _SAME_MOMENT_SECONDS
            while not self._inbox.stopping and time.monotonic() < until:
                self._wait(until)
        return self._inbox.stopping and self._is_over()

    def _ended_past_its_limit(self) -> bool:
        """Whether the limit had passed when we saw that the command has ended; notes it.

        We may have been stopped, or slower than the guard, which ends the tree then: that is no success, and no KILL of
        somebody else's.
        """
        self.facts.timed_out = self._deadline is not None and time.monotonic() >= self._deadline
        return self.facts.timed_out

    def _died_of_a_stopping_signal(self) -> bool:
        status = self._status
        return status is not None and posix.WIFSIGNALED(status) and posix.WTERMSIG(status) in STOPPING

    def _next_limit(self) -> float | None:
        """Return when the next limit ends the attempt, unless something is heard of it before."""
        if not self._limits.silence_seconds:
            return self._deadline
        silence_ends = self._heard_at + self._limits.silence_seconds
        return silence_ends if self._deadline is None else min(silence_ends, self._deadline)

    def _is_over(self) -> bool:
        """Whether the attempt must end now; notes why."""
        inbox, facts = self._inbox, self.facts
        if inbox.stopping:
            facts.guard_died, facts.stopped_by = inbox.guard_died, inbox.stopped_by
            facts.stopped_by_request = inbox.stop_requested
            return True
        if self._deadline is not None and time.monotonic() >= self._deadline:
            facts.timed_out = True
            return True
        silence_seconds = self._limits.silence_seconds
        if silence_seconds and time.monotonic() >= self._heard_at + silence_seconds:
            facts.silent, facts.silence_seconds = True, silence_seconds
            return True
        return False

    def _finish(self, completed: bool) -> None:
        """Wait for what the last command left, or end the tree."""
        if completed:
            self._drain()
        if self._inbox.guard_died:
            # After the last command too: what it left is not given its time and its grace.
            self.facts.guard_died |= not self._children_gone
            self._kill_now()
        elif not completed or self._leftovers_must_go():
            self._end_tree()
        self._read_all()
        self._finish_lines()
        if self._inbox.stopping and self._died_of_a_stopping_signal():
            self._is_over()

    def _drain(self) -> None:
        """Give leftovers and late output their 2 s; a stop cuts them short."""
        until = time.monotonic() + self._limits.drain_seconds
        self._reap()
        if not self._children_gone:
            self._keep_to(until)
        while True:
            self._reap()
            if self._children_gone:
                self._read_all()
            if not self._open_streams and (self._children_gone or self._limits.keep_leftovers):
                return
            if time.monotonic() >= until or self._inbox.stopping:
                return
            self._wait(until)

    def _leftovers_must_go(self) -> bool:
        if self._children_gone or self._limits.keep_leftovers:
            return False
        self.facts.leftovers = self._describe([pid for pid, _ in proc.descendants(posix.getpid())])
        return True

    def _end_tree(self) -> None:
        """TERM, grace, KILL until no child is left; inner runs get their own grace and 2 s."""
        from process_control.execution import tree

        me = posix.getpid()
        inner = tree.inner_runs(me, self._block_of)
        grace = max([self._limits.grace_seconds, *[seconds + INNER_SECONDS for seconds in inner.values()]])
        until = time.monotonic() + grace
        self._guard.set_deadline(until + MARGIN_SECONDS)
        if tree.ask_tree_to_end(me, inner_runners=set(inner)):
            self._guard.ask_to_end(list(inner))
        while not self._children_gone and time.monotonic() < until and not self._inbox.guard_died:
            self._wait(until)
            self._reap()
        self._kill_now()

    def _kill_now(self) -> None:
        from process_control.execution import tree

        if self._surroundings.cgroup is not None:
            cgroup.kill_all(self._surroundings.cgroup)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            self._reap()
            if self._children_gone:
                break
            if tree.kill_tree(posix.getpid()):
                self._guard.ask_to_kill()
            if time.monotonic() >= give_up:
                self.facts.survivor_pids = [pid for pid, _ in proc.descendants(posix.getpid())]
                self.facts.survivors = self._describe(self.facts.survivor_pids)
                break
            self._wait(time.monotonic() + _KILL_AGAIN_SECONDS)
        if self._status is not None:
            self._note_exit()

    def _wait(self, until: float | None) -> None:
        """Sleep until something happens or `until` comes, and take in what can be read."""
        if self._capture.copy is not None and self._capture.copy.is_behind:
            self._wait_for_the_copy(self._capture.copy)
            return
        is_behind = self._watch is not None and self._watch.is_behind
        limit = 0.0 if is_behind else -1.0 if until is None else max(0.0, until - time.monotonic())
        if self._settled is not None:
            settles_in = max(0.0, self._settles_at - time.monotonic())
            limit = settles_in if limit < 0 else min(limit, settles_in)
        if self._shows_late:
            limit = _SHOW_AGAIN_SECONDS if limit < 0 else min(limit, _SHOW_AGAIN_SECONDS)
        events = self._poll.poll(0 if is_behind else -1 if limit < 0 else wait_milliseconds(limit))
        if self._settled is not None and time.monotonic() >= self._settles_at:
            self._settle()
        if self._report >= 0 and any(descriptor == self._report for descriptor, _ in events):
            self._report = -1
            return  # what it has printed by now is read when its lines are watched
        if any(descriptor == self._inbox.descriptor for descriptor, _ in events):
            self._inbox.clear()
            self._hand_signals_on()
        if not is_behind:
            self._read_ready([descriptor for descriptor, _ in events if descriptor in self._open_streams])
        if self._watch is not None:
            self._watch.work()
        self._shows_late = self._flush()

    def _hand_signals_on(self) -> None:
        """Give USR1 and USR2 to the command that runs."""
        for number in self._inbox.handed_on():
            if self._main and self._status is None:  # not reaped, so the pid is still its own
                try:
                    posix.kill(self._main, number)
                except OSError:
                    pass

    def _wait_for_the_copy(self, copy: "StdoutCopy") -> None:
        """Let the file of `stdout` take more first: meanwhile the job waits as the disk has it, the limits do not."""
        copy.wait(self._inbox.descriptor, _COPY_MILLISECONDS)
        self._inbox.clear()
        self._hand_signals_on()
        self._heard_at = time.monotonic()  # it is not silent, it is not listened to
        if self._settled is not None and time.monotonic() >= self._settles_at:
            self._settle()
        self._flush()

    def _settle(self) -> None:
        settled, self._settled = self._settled, None
        self._inbox.hear_the_others()
        if settled is not None:
            for _ in settled():
                self._read_meanwhile()

    def _read_meanwhile(self) -> None:
        """Read what comes while we are busy: of what lies in both pipes only the order of the first bytes is known."""
        copy, watch = self._capture.copy, self._watch
        is_behind = (copy is not None and copy.is_behind) or (watch is not None and watch.is_behind)
        if self._report < 0 and not is_behind:
            ready = [descriptor for descriptor, _ in self._poll.poll(0)]
            self._read_ready([descriptor for descriptor in ready if descriptor in self._open_streams])

    def _read_ready(self, ready: list[int]) -> None:
        if ready:
            for descriptor in self._order.sort(ready):
                self._read(descriptor)

    def _read(self, descriptor: int) -> int:
        size = self._capture.read(descriptor, self._open_streams[descriptor])
        if size > 0 and self._limits.silence_seconds:
            self._heard_at = time.monotonic()
            if self._heard_at > self._kept_to_at + _KEEP_TO_AGAIN_SECONDS:
                self._keep_to(self._next_limit())
        if size == 0:
            self._poll.unregister(descriptor)
            del self._open_streams[descriptor]
            posix.close(descriptor)
        return size

    def _read_all(self) -> None:
        """Read what lies in the pipes now, at most what a pipe holds twice over (a leftover may go on writing)."""
        for descriptor in self._order.sort(list(self._open_streams)):
            rest = 2 << 20 if self._make_watch is None else 2 << 16
            while rest > 0 and (size := self._read(descriptor)) > 0:
                rest -= size

    def _reap(self) -> None:
        """Collect every child that has ended: the main process, and what the job has left to us."""
        try:
            while True:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
                if pid == 0:
                    return
                if pid == self._main:
                    self._status = status
        except ChildProcessError:
            self._children_gone = True

    def _note_exit(self) -> None:
        if self._status is None:
            return
        self.facts.signal = posix.WTERMSIG(self._status) if posix.WIFSIGNALED(self._status) else None
        self.facts.exit_code = posix.WEXITSTATUS(self._status) if posix.WIFEXITED(self._status) else None
        self._measure_output()

    def _measure_output(self) -> None:
        self.facts.duration_seconds = time.monotonic() - self._started
        self.facts.stdout_bytes = self._capture.stdout_bytes
        self.facts.stderr_bytes = self._capture.stderr_bytes

    def _measure(self) -> None:
        facts = self.facts
        self._measure_output()
        facts.cpu_seconds, facts.memory_bytes, facts.read_bytes, facts.written_bytes = linux.usage_of_children()
        if self._surroundings.cgroup is not None and self._surroundings.all_in_cgroup:
            self._measure_tree(self._surroundings.cgroup)
        facts.stderr_excerpt = self._capture.stderr_excerpt()

    def _measure_tree(self, group: str) -> None:
        cpu_seconds, memory, facts = cgroup.cpu_seconds_of_tree(group), cgroup.memory_of_tree(group), self.facts
        if cpu_seconds is not None:
            facts.cpu_seconds, facts.cpu_of = cpu_seconds, TREE
        if memory is not None:
            (facts.memory_bytes, facts.out_of_memory), facts.memory_of = memory, TREE
