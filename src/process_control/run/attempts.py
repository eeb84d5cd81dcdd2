"""Make the attempts of a run: execute, judge, and again when the verdict is to retry.

Lean module. A plain success is judged here; other results need the table of verdicts, which is imported for them.
"""

from process_control.core import facts as words
from process_control.core.facts import Facts
from process_control.execution.guard import START_SECONDS
from process_control.run.run import Judged, Run
from process_control.state.block import block_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from process_control.core.job import Job
    from process_control.execution.output_watch import OutputWatch
    from process_control.execution.supervisor import Supervisor
    from process_control.run.world import World


def run_attempts(run: Run, world: "World") -> tuple[Facts, Judged]:
    """Execute and judge until an attempt is not to be retried; return facts and judgement of the last attempt."""
    run.began = world.clock.monotonic()
    while True:
        run.attempt_started_at = world.clock.now()
        facts = execute(run, world)
        world.guard.end_within(START_SECONDS)  # for judging, recording and the next start
        judged = judge(run, world, facts)
        if judged.verdict != "retry" or not run.has_attempts_left:
            break
        if facts.survivors:  # a second attempt would run beside them
            from process_control.run.judge import masked

            beside = f"{judged.detail}; not tried again, because a process could not be ended: {facts.survivors[0]}"
            judged.detail = masked(beside, world.people.notifier.secrets)
            break
        from process_control.run.retry import wait_for_the_next

        if not wait_for_the_next(run, world, facts, judged):
            judged = judge(run, world, facts)
            break
    world.log.close(facts)
    if facts.output_cut is not None and judged.outcome == words.SUCCEEDED:
        judged = judge(run, world, facts)
    return facts, judged


def execute(run: Run, world: "World") -> Facts:
    """Execute the commands of one attempt and return its facts."""
    return _supervisor(run, world).execute(run.commands, goes_on=_goes_on(run))


def _supervisor(run: Run, world: "World") -> "Supervisor":
    from process_control.execution.supervisor import Supervisor
    from process_control.execution.time_limits import TimeLimits

    job, notifier = run.job, world.people.notifier
    limits = TimeLimits(
        timeout_seconds=run.timeout_seconds,
        grace_seconds=job.kill_grace_seconds,
        keep_leftovers=job.leftovers == "keep",
        silence_seconds=job.silence_timeout_seconds or 0.0,
    )

    def describe(pids: list[int]) -> list[str]:
        from process_control.execution.describe import describe

        return describe(pids, notifier.secrets)

    def make_watch() -> "OutputWatch":
        from process_control.execution.output_watch import OutputWatch

        return OutputWatch(job.verdicts, job.expect, is_stopping=lambda: world.inbox.stopping)

    return Supervisor(
        limits=limits,
        capture=world.log.capture,
        inbox=world.inbox,
        guard=world.guard,
        block_of=lambda word: block_named(world.store.state_directory, word),
        settled=lambda: _import_what_the_end_needs(job),
        flush=notifier.flush,
        describe=describe,
        surroundings=world.commands.surroundings(
            lock=world.lock.descriptor, places=world.lock.places, group=run.cgroup
        ),
        make_watch=make_watch if _looks_at_lines(job) else None,
    )


def _looks_at_lines(job: "Job") -> bool:
    """Return whether a rule or an expectation needs lines of output."""
    return "number" in job.expect or any(
        "stderr" in rule or "stdout" in rule or "stdout_missing" in rule for rule in job.verdicts
    )


def _import_what_the_end_needs(job: "Job") -> "Iterator[None]":
    try:
        from process_control.run.imports_of_the_end import import_what_the_end_needs
    except Exception:  # noqa: BLE001  a broken installation must not end a job that runs
        return iter(())
    return import_what_the_end_needs(job)


def _goes_on(run: Run) -> "Callable[[Facts], bool]":
    """Return the function that decides after each command whether to run the next."""

    def goes_on(facts: Facts) -> bool:
        if run.job.verdicts and facts.command_index + 1 < len(run.commands):
            try:
                from process_control.run.judge import goes_on_by_rules
            except Exception:  # noqa: BLE001  the package was replaced while the job ran
                return False
            return goes_on_by_rules(run.job, facts)
        return facts.exit_code == 0 and (facts.stderr_bytes == 0 or run.job.stderr != "fail")

    return goes_on


def judge(run: Run, world: "World", facts: Facts) -> Judged:
    """Return the judgement of the attempt. A plain success that no rule looks at needs no import."""
    facts.unlogged = run.unrecorded
    facts.not_in_force = run.not_in_force
    if facts.is_plain_success() and not words.may_judge_successes(run.job.verdicts, run.job.expect):
        return Judged(words.SUCCEEDED, exit_code=0)
    try:
        from process_control.run.judge import judge_by_the_table

        if run.job.expect:
            import process_control.core.expect  # noqa: F401  used by the table in that case
    except Exception:  # noqa: BLE001  the package was replaced: record the end anyway
        outcome, reason, code = words.judge_without_the_table(facts)
        return Judged(outcome, reason, words.WITHOUT_THE_TABLE, exit_code=code, verdict="fail")
    return judge_by_the_table(run, facts, secrets=world.people.notifier.secrets)
