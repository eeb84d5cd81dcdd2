"""Supervise one attempt: start its commands in turn, keep the limits, end the tree.

Lean module. The result is `Facts`, which `core` judges. `streams.py` reads the output. This process is a subreaper, see
`children.py`.
"""

import posix
import select
import time

from process_control.core.facts import Facts
from process_control.execution import cgroup, process
from process_control.execution.capture import ERR, OUT, Capture
from process_control.execution.children import Children, Ended, Running, measure
from process_control.execution.process import Starting
from process_control.execution.streams import Streams
from process_control.execution.time_limits import Stopwatch, TimeLimits
from process_control.system import proc
from process_control.system.clock import wait_milliseconds
from process_control.system.signals import STOPPING, Inbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from process_control.execution.guard_channel import Channel
    from process_control.execution.not_executed import NotExecuted
    from process_control.execution.output_watch import OutputWatch
    from process_control.execution.stdout_copy import StdoutCopy

#: Longer than a short run takes on a busy host: what is imported then costs three bare interpreters.
SETTLED_SECONDS = 0.1
_SAME_MOMENT_SECONDS = 0.25
_SHOW_AGAIN_SECONDS = 0.05
_COPY_MILLISECONDS = 50


class Supervisor:
    """One attempt, from its first command to the end of its tree.

    `guard` is the channel to our guard, which enforces the time limits if we cannot. `block_of(slug)` returns the block
    of a job, to find runs inside of this one. `settled()` is called once, when the job has run for 100 ms, to import
    step by step what the end may need; output is read between two steps. `flush()` writes shown output and returns
    whether some is left. `describe(pids)` returns processes in words. `make_watch()` is called when the first command
    runs, for jobs with rules on lines of output.
    """

    __slots__ = (
        "_block_of",
        "_children",
        "_describe",
        "_flush",
        "_guard",
        "_inbox",
        "_limits",
        "_make_watch",
        "_poll",
        "_settled",
        "_settles_at",
        "_shows_late",
        "_streams",
        "_surroundings",
        "_time",
        "facts",
    )

    def __init__(
        self,
        *,
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
        self._limits = limits
        self._inbox = inbox
        self._guard = guard
        self._block_of = block_of
        self._settled: Callable[[], Iterator[None]] | None = settled
        self._settles_at = time.monotonic() + SETTLED_SECONDS
        self._surroundings = surroundings
        self._flush = flush
        self._describe = describe
        self._shows_late = False
        self._make_watch = make_watch
        self._poll = select.poll()
        self._poll.register(inbox.descriptor, select.POLLIN)
        self._children = Children()
        self._time = Stopwatch(limits, guard)
        self._streams = Streams(capture, self._poll, hear=self._time.hear, are_watched=make_watch is not None)
        self.facts = Facts()
        self.facts.timeout_seconds = limits.timeout_seconds

    def execute(self, commands: list[list[str]], *, goes_on: "Callable[[Facts], bool]") -> Facts:
        """Run the commands in sequence and return the facts. `goes_on(facts)` decides after each on the next.

        No process is left, whatever is raised.
        """
        try:
            completed = self._run_commands(commands, goes_on)
            self._finish(completed)
        except BaseException:
            self._children.kill(group=self._surroundings.cgroup, guard=self._guard, wait=_pause_until)
            raise
        self._measure_output()
        self.facts.stderr_excerpt = self._streams.capture.stderr_excerpt()
        group = self._surroundings.cgroup
        measure(self.facts, group if self._surroundings.all_in_cgroup else None)
        if group is not None:
            cgroup.remove(group)
        self._streams.close(keep_open=completed and self._limits.keep_leftovers and not self._inbox.guard_died)
        return self.facts

    def _run_commands(self, commands: list[list[str]], goes_on: "Callable[[Facts], bool]") -> bool:
        """Run the list; return True when it ended by itself, False when the tree has to be ended."""
        for index, argv in enumerate(commands):
            self.facts.command_index = index
            if self._is_over():
                return False
            self._children.begin_command()
            try:
                is_running = self._start(argv)
                if self.facts.not_started is not None:
                    return True
                if not is_running or not self._wait_for_main():
                    return False
            finally:
                # Not earlier: each end of stream would wake us once more, besides the end of the process.
                self._surroundings.close_streams()
            self._streams.read_all()
            self._note_exit()
            self._streams.finish_lines()
            if not goes_on(self.facts):
                return True
        return True

    # --- a command starts ------------------------------------------------------------------------------------------

    def _start(self, argv: list[str]) -> bool:
        """Start the command; False when a limit or signal came first, or it cannot be executed."""
        surroundings, children = self._surroundings, self._children
        try:
            surroundings.stdout = self._streams.open(OUT)
            surroundings.stderr = self._streams.open(ERR)
            starting = process.start(argv, surroundings)
        except OSError as error:
            from process_control.execution.not_executed import no_process

            return self._note_not_executed(no_process(error))
        children.command = starting
        self._poll.register(starting.report, select.POLLIN)
        try:
            while children.command is starting:
                if self._is_over():
                    self.facts.was_starting = True
                    starting.give_up()
                    children.command = Running(starting.pid)
                    return False
                self._wait(self._time.next_limit())
        finally:
            self._poll.unregister(starting.report)
        if self._make_watch is not None:
            self._begin_to_watch()
        report = starting.finish()
        if report:
            from process_control.execution.not_executed import not_executed

            children.command = None
            return self._note_not_executed(not_executed(argv, surroundings, report))
        return True

    def _note_not_executed(self, why: "NotExecuted") -> bool:
        self.facts.not_started, self.facts.not_started_code = why.why, why.code
        self.facts.not_started_passing = why.is_passing
        return False

    def _begin_to_watch(self) -> None:
        """Pass output to the rules from now on."""
        if self._streams.watch is None and self._make_watch is not None:
            try:
                watch = self._make_watch()
            except Exception:  # noqa: BLE001  the package may be half replaced: record that lines were not matched
                self._make_watch = None
                self._streams.are_watched = False
                self.facts.lines_unseen = True
                return
            self._streams.show_to(watch)
            self.facts.lines = watch.lines

    # --- it runs ---------------------------------------------------------------------------------------------------

    def _wait_for_main(self) -> bool:
        """Wait for the command's main process; return False when a limit or a signal came first."""
        while True:
            self._children.reap()
            ended = self._children.command
            if isinstance(ended, Ended):
                return not self._was_stopped_as_it_ended(ended) and not self._ended_past_its_limit()
            if self._is_over():
                return False
            self._wait(self._time.next_limit())

    def _was_stopped_as_it_ended(self, ended: Ended) -> bool:
        """Return whether a stop arrived just as the command ended, and record it.

        A service manager or a shutdown sends TERM to all processes at once, and we may see the command end first.
        """
        if ended.status == 0:
            return False
        if ended.signal in STOPPING:
            until = time.monotonic() + _SAME_MOMENT_SECONDS
            while not self._inbox.stopping and time.monotonic() < until:
                self._wait(until)
        return self._inbox.stopping and self._is_over()

    def _ended_past_its_limit(self) -> bool:
        """Return whether the limit had passed when we saw the command end, and record it.

        If we were stopped or slow, the guard has killed the tree: that is a timeout, neither a success nor a KILL by
        somebody else.
        """
        self.facts.timed_out = self._time.is_past_deadline()
        return self.facts.timed_out

    def _is_over(self) -> bool:
        """Return whether the attempt must end now, and record why."""
        inbox, facts = self._inbox, self.facts
        if inbox.stopping:
            facts.guard_died, facts.stopped_by = inbox.guard_died, inbox.stopped_by
            facts.stopped_by_request = inbox.stop_requested
            return True
        return self._time.is_over(facts)

    def _wait(self, until: float | None) -> None:
        """Wait for an event or until `until` (monotonic seconds), and process what can be read."""
        streams = self._streams
        copy = streams.capture.copy
        if copy is not None and copy.is_behind:
            self._wait_for_the_copy(copy)
            return
        is_behind = streams.is_watch_behind
        limit = 0.0 if is_behind else -1.0 if until is None else max(0.0, until - time.monotonic())
        if self._settled is not None:
            settles_in = max(0.0, self._settles_at - time.monotonic())
            limit = settles_in if limit < 0 else min(limit, settles_in)
        if self._shows_late:
            limit = _SHOW_AGAIN_SECONDS if limit < 0 else min(limit, _SHOW_AGAIN_SECONDS)
        events = self._poll.poll(0 if is_behind else -1 if limit < 0 else wait_milliseconds(limit))
        if self._settled is not None and time.monotonic() >= self._settles_at:
            self._settle()
        command = self._children.command
        if isinstance(command, Starting) and any(descriptor == command.report for descriptor, _ in events):
            self._children.command = Running(command.pid)
            return  # its output is read once the rules are set up
        if any(descriptor == self._inbox.descriptor for descriptor, _ in events):
            self._hear_signals()
        if not is_behind:
            streams.read_ready(events)
        if streams.watch is not None:
            streams.watch.work()
        self._shows_late = self._flush()

    def _hear_signals(self) -> None:
        """Process signals that arrived; pass USR1 and USR2 to the running command."""
        self._inbox.clear()
        for number in self._inbox.handed_on():
            self._children.hand_on(number)

    def _wait_for_the_copy(self, copy: "StdoutCopy") -> None:
        """Wait for the file of `stdout`, without reading: that slows the job down. Its timeout still holds."""
        copy.wait(self._inbox.descriptor, _COPY_MILLISECONDS)
        self._hear_signals()
        self._time.excuse_silence()
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
        """Read output between imports: only the order of the first bytes in the two pipes is known."""
        if not isinstance(self._children.command, Starting) and not self._streams.is_behind:
            self._streams.read_ready(self._poll.poll(0))

    # --- it ends ---------------------------------------------------------------------------------------------------

    def _finish(self, completed: bool) -> None:
        """Wait for leftovers of the last command, or end the tree."""
        if completed:
            self._drain()
        if self._inbox.guard_died:
            # Also after the last command: leftovers get neither drain time nor grace then.
            self.facts.guard_died |= not self._children.are_gone
            self._kill()
        elif not completed or self._leftovers_must_go():
            self._end_tree()
        self._streams.read_all()
        self._streams.finish_lines()
        ended = self._children.command
        if self._inbox.stopping and isinstance(ended, Ended) and ended.signal in STOPPING:
            self._is_over()

    def _drain(self) -> None:
        """Wait up to 2 s for leftovers and late output; a stop ends the wait."""
        children, streams = self._children, self._streams
        until = time.monotonic() + self._limits.drain_seconds
        children.reap()
        if not children.are_gone:
            self._time.give_to_guard(until)
        while True:
            children.reap()
            if children.are_gone:
                streams.read_all()
            if not streams.are_open and (children.are_gone or self._limits.keep_leftovers):
                return
            if time.monotonic() >= until or self._inbox.stopping:
                return
            self._wait(until)

    def _leftovers_must_go(self) -> bool:
        if self._children.are_gone or self._limits.keep_leftovers:
            return False
        self.facts.leftovers = self._in_words([pid for pid, _ in proc.descendants(posix.getpid())])
        return True

    def _end_tree(self) -> None:
        """Send TERM, wait, send KILL until no child is left; inner runs get their own grace and 2 s."""
        try:
            from process_control.execution import ending, tree

            inner = tree.inner_runs(posix.getpid(), self._block_of)
        except Exception:  # noqa: BLE001  the package was replaced while the job ran
            self._kill()
            return
        ending.ask_to_end(
            self._children,
            inner,
            grace_seconds=self._limits.grace_seconds,
            guard=self._guard,
            inbox=self._inbox,
            wait=self._wait,
        )
        self._kill()

    def _kill(self) -> None:
        group = self._surroundings.cgroup
        try:
            from process_control.execution import ending
        except Exception:  # noqa: BLE001  the package was replaced while the job ran
            left = self._children.kill(group=group, guard=self._guard, wait=self._wait)
        else:
            left = ending.kill(self._children, group=group, guard=self._guard, wait=self._wait)
        if left:
            self.facts.survivor_pids = left
            self.facts.survivors = self._in_words(left)
        self._note_exit()

    def _in_words(self, pids: list[int]) -> list[str]:
        try:
            return self._describe(pids)
        except Exception:  # noqa: BLE001  the package was replaced while the job ran
            return [f"pid {pid}" for pid in pids]

    def _note_exit(self) -> None:
        ended = self._children.command
        if isinstance(ended, Ended):
            self.facts.signal, self.facts.exit_code = ended.signal, ended.exit_code
            self._measure_output()

    def _measure_output(self) -> None:
        self.facts.duration_seconds = self._time.seconds
        self.facts.stdout_bytes = self._streams.capture.stdout_bytes
        self.facts.stderr_bytes = self._streams.capture.stderr_bytes


def _pause_until(until: float) -> None:
    select.poll().poll(wait_milliseconds(until - time.monotonic()))
