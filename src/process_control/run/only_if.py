"""The command of `only_if`, which decides whether the job runs now: executed as a command of the job, and judged.

Lean module, loaded only for jobs with that key.
"""

from process_control.errors import NO_COMMAND, NOT_EXECUTABLE, BadConfiguration, NotStarted
from process_control.execution.capture import OUT, Capture
from process_control.execution.guard import START_SECONDS
from process_control.run import group
from process_control.run.gate import turn_away
from process_control.run.refusal import fail, fail_as_stopped
from process_control.run.run import GO, Go, Stop
from process_control.run.start import asks_for_limits, prepare_the_commands
from process_control.state.block import block_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.execution.supervisor import Supervisor
    from process_control.run.run import Run
    from process_control.run.world import World

#: Exit codes that are no answer: it could not be executed, or broke down.
NO_ANSWER = (NOT_EXECUTABLE, NO_COMMAND, 255)
MAX_SHOWN = 200
_KEPT_BYTES = 16 << 10


def ask_only_if(run: "Run", world: "World") -> Go | Stop:
    """Run the condition: Go when it says yes. A start by hand with --force does not ask."""
    if run.request.force and not run.request.scheduled:
        return GO
    printed = LastLines()
    facts = _execute(run, world, printed)
    world.guard.end_within(START_SECONDS)
    run.started_at = world.clock.now()
    if facts.guard_died or facts.stopped_by_request or facts.stopped_by is not None:
        return fail_as_stopped(run, world, "while its condition (only_if) ran")
    if facts.exit_code == 0 and not facts.timed_out:
        return GO
    secrets = world.people.notifier.secrets
    no_answer = _why_no_answer(run, facts)
    if no_answer is not None:
        printed_line = printed.last_line(secrets, of_stderr=True) or printed.last_line(secrets)
        words = f"{no_answer}: {printed_line}" if printed_line else no_answer
        return fail(run, world, "condition", _shown(words, secrets, max_length=2 * MAX_SHOWN))
    printed_line = printed.last_line(secrets) or f"its condition exited with {facts.exit_code}"
    refused = None
    if not run.request.scheduled:
        hint = f"run it all the same: run-job --force {run.job.slug}"
        refused = NotStarted(
            f"not started, its condition (only_if) is not met: {printed_line}", where=run.job.slug, hint=hint
        )
    return turn_away(run, world, "condition", printed_line, by_hand=refused)


def _why_no_answer(run: "Run", facts: "Facts") -> str | None:
    """Return why the condition has failed; None when its exit code is an answer."""
    from shlex import join

    command = join(run.job.only_if_command or [])
    if facts.not_started is not None:
        return f"its condition could not be started: {facts.not_started}"
    if facts.timed_out:
        return f"its condition did not end within {run.job.only_if_timeout_seconds:g} s ({command})"
    if facts.signal is not None:
        from process_control.core.facts import signal_name

        return f"its condition was ended by signal {signal_name(facts.signal)} ({command})"
    if facts.exit_code in NO_ANSWER:
        return f"its condition exited with {facts.exit_code} ({command})"
    return None


def _execute(run: "Run", world: "World", printed: "LastLines") -> "Facts":
    """Execute the condition with all that a command of the job gets, but for the lock. Raises what a start raises."""
    prepare_the_commands(run, world)
    path = world.group.make(run.id)
    if asks_for_limits(run.job):
        from process_control.run.job_limits import set_limits

        try:
            world.commands.limits = set_limits(run.job, path).limits
        except BadConfiguration:
            if path is not None:
                group.remove(path)
            raise
    supervisor = _supervisor(run, world, printed, path)
    return supervisor.execute([run.job.only_if_command or []], goes_on=lambda _: False)


def _supervisor(run: "Run", world: "World", printed: "LastLines", path: str | None) -> "Supervisor":
    from process_control.execution.supervisor import Supervisor
    from process_control.execution.time_limits import TimeLimits

    def describe(pids: list[int]) -> list[str]:
        from process_control.execution.describe import describe

        return describe(pids, world.people.notifier.secrets)

    return Supervisor(
        limits=TimeLimits(
            timeout_seconds=run.job.only_if_timeout_seconds or 0.0,
            grace_seconds=run.job.kill_grace_seconds,
            keep_leftovers=False,
        ),
        capture=Capture(cap_bytes=0, show=printed.take),
        inbox=world.inbox,
        guard=world.guard,
        block_of=lambda word: block_named(world.store.state_directory, word),
        settled=lambda: iter(()),
        flush=lambda: False,
        describe=describe,
        surroundings=world.commands.surroundings(lock=None, group=path),
    )


class LastLines:
    """The end of what the condition prints; bounded, whatever comes."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = {True: b"", False: b""}

    def take(self, stream: bytes, data: bytes) -> None:
        is_stdout = stream == OUT
        self._kept[is_stdout] = (self._kept[is_stdout] + data)[-_KEPT_BYTES:]

    def last_line(self, secrets: list[str], *, of_stderr: bool = False) -> str:
        """Return the last line that is not blank, masked, cut and escaped; "" when there is none."""
        from process_control.core.masking import mask

        kept = self._kept[not of_stderr]
        text = mask(kept.decode("utf-8", "replace"), secrets).replace("\r", "\n")
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines:
            return ""
        if len(lines) == 1 and len(kept) == _KEPT_BYTES:  # what is kept may begin in the middle of a secret
            return _shown("…" + lines[0].strip()[1 - MAX_SHOWN :], [])
        return _shown(lines[-1].strip(), [])


def _shown(text: str, secrets: list[str], *, max_length: int = MAX_SHOWN) -> str:
    from process_control.core.masking import mask_and_cut
    from process_control.notify.message import escape_controls

    return escape_controls(mask_and_cut(text, secrets, max_length=max_length)).replace("\t", " ")
