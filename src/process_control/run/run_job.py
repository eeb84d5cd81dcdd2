"""One run, from the planned slot to the exit code: the corridor that every trigger goes through.

Lean room: until the command is executed only lean rooms are imported; what the end needs is imported while the job
runs. Decisions are in `core/`, effects in the adapters that `adapters.py` picks; here is only their order.
"""

import posix

from process_control.core import facts as words
from process_control.core import gate
from process_control.core.facts import Facts
from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, NotStarted
from process_control.execution.guard import START_SECONDS
from process_control.run.run import (
    Judged,
    Request,
    Run,
    attempt_record,
    is_unsettled,
    let_the_lock_go,
    post_news,
    settle_before_leaving,
    tell,
    turn_away,
)
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.job import Job
    from process_control.run.adapters import Adapters

MOST_FAULTS = 5
ONLY_IN_BLOCK = (
    "end",
    "journaled",
    "left",
    "guard_pid",
    "started_at",
    "kill_grace_seconds",
    "timeout_seconds",
    "cgroup",
)
HEALTHY: dict[str, object] = {"state": "healthy", "failures_in_row": 0}


def run_job(request: Request, job: "Job", adapters: "Adapters") -> int:
    """Take one run of `job` through the corridor and return the exit code of `run-job`.

    Raises the errors of `errors.py` for what kept it from starting; a job that fails is an exit code.
    """
    run = Run(request, job, adapters)
    if not run.commands:
        raise BadConfiguration(f"job '{job.slug}' has no command", where=job.path)
    open_the_record(run)
    try:
        done = claim_the_slot(run)
        if done is None:
            done = pass_the_gate(run)
        if done is None:
            done = take_the_lock(run)
        if done is None:
            done = settle_the_last_run(run)
        if done is None:
            done = choose_the_dose(run)
        if done is not None:
            return done
        record_the_start(run)
    except (CannotRecord, BadConfiguration, NotPermitted, OSError):
        if run.slot is not None:
            adapters.store.give_slot_back(run.slot)
        let_the_lock_go(run)  # the caller may be one that reads no complaint
        raise
    facts, judged = run_attempts(run)
    end = end_of(run, facts, judged)
    record_the_end(run, facts, end)
    let_the_lock_go(run)
    adapters.set_deadline(None)  # who reads what we tell may take long
    adapters.have_news_told()
    adapters.keep_house()
    tell(run, facts, end)  # last: the caller may be one that reads no report
    return judged.exit_code


def open_the_record(run: Run) -> None:
    """Open the job's block. `run_unlogged` goes on without one, as a job that was never seen."""
    try:
        run.adapters.store.open_since_boot(run.adapters.identity.boot_id, _recover)
    except CannotRecord:
        if not run.job.run_unlogged:
            raise


def _recover(state_directory: str, boot_id: str) -> None:
    from process_control.state.after_boot import recover

    recover(state_directory, boot_id)


def claim_the_slot(run: Run) -> int | None:
    """Find the planned time that this start is for; each has one run. None to go on."""
    if not run.request.scheduled:
        return None
    if not run.job.schedule:
        raise BadConfiguration(
            f"job '{run.job.slug}' has no schedule, so --scheduled has no slot to run",
            where=run.job.path,
            mend="add the key schedule, or start it without --scheduled",
        )
    now = run.adapters.clock.now()
    slot = run.adapters.last_slot(now)
    if slot is None:
        return 0
    is_late = now - slot > run.job.start_within_seconds
    if is_late:
        from process_control.run import late_start

        if late_start.is_stray(run, slot):
            return late_start.leave_as_stray(run, now)
    if not run.adapters.store.claim_slot(slot, pid_start=run.pid_start, boot_id=run.adapters.identity.boot_id):
        run.adapters.announce({"event": "repeat", **run.facts_for_the_record(), "scheduled_at": iso(slot)})
        return 0
    run.slot = slot
    for forgotten in run.adapters.store.forgotten_slots:
        from process_control.run.forgotten_start import record_forgotten

        record_forgotten(run, forgotten)
    return late_start.skip_as_too_late(run, slot, now) if is_late else None


def pass_the_gate(run: Run) -> int | None:
    """Turn away what must not run now: quietly when scheduled, with a reason by hand. None to go on."""
    scheduled = run.request.scheduled
    if scheduled and run.job.disabled:
        return turn_away(run, "disabled", "the job file says so")
    try:
        health = _health_of(run)
        run.leave, doubt = _leave(run, health), None
    except ValueError as error:
        run.leave, doubt, health = gate.HELD, gate.garbage_in_words(error), None
    if run.leave == gate.BACKING_OFF:
        return turn_away(run, "backoff", gate.backoff_in_words(health or {}))
    if run.leave != gate.HELD or (run.request.force and not scheduled):
        return None
    if scheduled:
        return turn_away(run, "held", doubt or gate.hold_in_words(health or {}))
    settle_before_leaving(run)
    slug = run.job.slug
    mend = f"release it: process-control release {slug}; or run it once all the same: run-job --force {slug}"
    raise NotStarted(doubt or _hold_for_people(run, health or {}), where=slug, mend=mend)


def _hold_for_people(run: Run, health: dict[str, object]) -> str:
    from datetime import UTC, datetime

    from process_control.core.hold_in_words import hold_for_people

    return hold_for_people(health, datetime.fromtimestamp(run.adapters.clock.now(), UTC))


def _health_of(run: Run) -> dict[str, object] | None:
    """Return the health, built again when it was lost; None for a job never seen. Raises ValueError for garbage."""
    store = run.adapters.store
    health = store.read_health()
    if health is not None or store.is_new or not store.is_open:
        return health
    from process_control.core.health import Policy
    from process_control.state.health_changes import restore_health

    restore_health(store, Policy.of(run.job))
    return store.read_health()


def _leave(run: Run, health: dict[str, object] | None) -> str:
    """Return what the health lets this start do. Raises ValueError for a record that makes no sense."""
    job, now = run.job, run.adapters.clock.now()
    longest_backoff = job.backoff_max_delay_seconds if job.backoff_delay_seconds else None
    leave = gate.leave(
        health,
        now=iso(now),
        slot=run.scheduled_at,
        latest_backoff=iso(now + longest_backoff) if longest_backoff else None,
        latest_probe=iso(now + job.hold_release_after_seconds) if job.hold_release_after_seconds else None,
    )
    if leave == gate.PROBE_IS_DUE and _probe_is_on_its_way(run, health or {}):
        return gate.HELD
    return leave


def _probe_is_on_its_way(run: Run, health: dict[str, object]) -> bool:
    block = run.adapters.store.previous_run()
    return block is not None and block.get("run_id") == health.get("probe_run") and run.adapters.runner_lives(block)


def settle_the_last_run(run: Run) -> int | None:
    """With the lock held: close what the last runs under it left open. None to go on, see `last_run`."""
    blocks = run.adapters.blocks_of_lock(run.job)
    unsettled = [block for block in blocks if is_unsettled(block)]
    if not unsettled:
        return None
    from process_control.run.unfinished import settle

    return settle(run, unsettled)


def choose_the_dose(run: Run) -> int | None:
    """With the lock held: ask the gate once more when the run before us has changed the health, then full or small.

    None to go on. A healthy job without the key slow_start reads nothing here.
    """
    if not run.adapters.store.health_is_as_read():
        done = pass_the_gate(run)
        if done is not None:
            let_the_lock_go(run)
            return done
    if run.leave == gate.HELD or (run.leave == gate.GO and not run.job.slow_start_runs):
        return None
    from process_control.run import slow_start

    if run.leave == gate.PAUSE_IS_OVER:
        slow_start.end_the_pause(run)
        return choose_the_dose(run)
    return slow_start.prepare(run)


def take_the_lock(run: Run) -> int | None:
    """Take the job's lock, or do what `on_overlap` says when somebody else holds it. None to go on."""
    run.lock = run.adapters.take_lock(run.job.lock)
    if run.lock is not None:
        return None
    from process_control.run.overlap import meet_the_holder

    return meet_the_holder(run)


def record_the_start(run: Run) -> None:
    """Make the log, note the run in the block, and write the start to the journal: durable before anything runs.

    Raises CannotRecord (74), unless the job has `run_unlogged`.
    """
    adapters = run.adapters
    adapters.inspect_surroundings(run)
    try:
        run.log = adapters.open_log(run)
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
        run.unrecorded = True
    run.cgroup = adapters.make_cgroup(run)
    try:
        limits = adapters.set_limits(run) if adapters.has_limits else None
    except BadConfiguration:
        adapters.forget_run(run)
        raise
    run.block = block_of(run, limits)
    start = {**run.block, "event": "start", "at": iso(run.started_at)}
    for only_in_block in ONLY_IN_BLOCK:
        del start[only_in_block]
    if run.job.environment_file:
        start["secrets"] = adapters.fingerprints_of_secrets()
    try:
        adapters.store.write_start(run.block)
        adapters.store.append(start)
    except CannotRecord:
        if not run.job.run_unlogged:
            adapters.forget_run(run)
            raise
        run.unrecorded = True
    adapters.announce(start)


def block_of(run: Run, limits: "dict[str, object] | None") -> dict[str, object]:
    """Return what the block says of a run that starts now, in this process. `limits` are those in force."""
    identity = run.adapters.identity
    block: dict[str, object] = {
        **run.facts_for_the_record(),
        "lock": run.job.lock,
        "pid": posix.getpid(),
        "pid_start": run.pid_start,
        "boot_id": identity.boot_id,
        "pid_ns": identity.pid_namespace,
        "guard_pid": posix.getppid(),
        "kill_grace_seconds": run.job.kill_grace_seconds,
        "timeout_seconds": run.longest_seconds,
        "started_at": iso(run.started_at),
        "log": run.log,
        "cgroup": run.cgroup,
        "end": None,
        "journaled": False,
        "left": [],
    }
    return {**block, "limits": limits} if limits else block


def run_attempts(run: Run) -> tuple[Facts, Judged]:
    """Execute and judge; again when the verdict is to retry and attempts are left. Return what the last one came to."""
    run.began = run.adapters.clock.monotonic()
    while True:
        run.attempt_started_at = run.adapters.clock.now()
        facts = run.adapters.executor(run).execute(run.commands, goes_on=_goes_on(run))
        run.adapters.set_deadline(START_SECONDS)  # so long for what is left to do: judge, record, try again
        judged = judge(run, facts)
        if judged.verdict != "retry" or not _has_attempts_left(run):
            break
        if facts.survivors:  # two attempts would run side by side
            from process_control.run.judge import masked

            beside = f"{judged.detail}; not tried again beside what could not be ended: {facts.survivors[0]}"
            judged.detail = masked(run, beside)
            break
        from process_control.run.retry import wait_for_the_next

        if not wait_for_the_next(run, facts, judged):
            judged = judge(run, facts)
            break
    run.adapters.close_log(facts)
    if facts.output_cut is not None and judged.outcome == words.SUCCEEDED:
        judged = judge(run, facts)
    return facts, judged


def _has_attempts_left(run: Run) -> bool:
    return run.attempt < run.job.retry_attempts


def _goes_on(run: Run) -> "Callable[[Facts], bool]":
    """Return the question that the executor asks after each command: does the list go on?"""

    def goes_on(facts: Facts) -> bool:
        if run.job.verdicts and facts.command_index + 1 < len(run.commands):
            try:
                from process_control.run.judge import goes_on_by_rules
            except Exception:  # noqa: BLE001  the package was replaced under us
                return False
            return goes_on_by_rules(run, facts)
        return facts.exit_code == 0 and (facts.stderr_bytes == 0 or run.job.stderr != "fail")

    return goes_on


def judge(run: Run, facts: Facts) -> Judged:
    """Return what the attempt came to. A plain success that no rule looks at needs no import."""
    facts.unlogged = run.unrecorded
    facts.limits_missing = run.limits_missing
    if facts.is_plain_success() and not words.looks_at_successes(run.job.verdicts, run.job.expect):
        return Judged(words.SUCCEEDED, exit_code=0)
    try:
        from process_control.run.judge import judge_by_the_table

        if run.job.expect:
            import process_control.core.expect  # noqa: F401  what the table asks for then
    except Exception:  # noqa: BLE001  the package was replaced under us: the end is recorded all the same
        return _judge_without_the_table(facts)
    return judge_by_the_table(run, facts, has_attempts_left=_has_attempts_left(run))


def end_of(run: Run, facts: Facts, judged: Judged) -> dict[str, object]:
    """Return the end record of the run."""
    if not facts.awaited_attempt:
        run.attempts.append(attempt_record(run, facts, judged))
    took = facts.duration_seconds
    if len(run.attempts) > 1 or facts.awaited_attempt:
        took = run.adapters.clock.monotonic() - run.began
        for of_earlier_attempts in ("attempts", "cpu_seconds", "memory_bytes"):  # they stand in the end now
            run.block.pop(of_earlier_attempts, None)
        for attempt, offset in zip(run.attempts, run.adapters.log_offsets()):  # noqa: B905
            attempt["log_offset"] = None if run.log is None else offset
    faults = {} if facts.lines is None or not facts.lines.faults else {"regex_faults": facts.lines.faults[:MOST_FAULTS]}
    return {
        "event": "end",
        "at": iso(run.adapters.clock.now()),
        **run.facts_for_the_record(),
        "started_at": iso(run.started_at),
        "outcome": judged.outcome,
        "reason": judged.reason,
        "exit_code": facts.exit_code,
        "signal": run.attempts[-1]["signal"],
        "duration_seconds": round(took, 3),
        "detail": judged.detail,
        "verdict": judged.verdict,
        "decided_by": judged.decided_by,
        **faults,
        "attempts": run.attempts,
        "stdout_bytes": sum([int(str(attempt["stdout_bytes"])) for attempt in run.attempts]),
        "stderr_bytes": sum([int(str(attempt["stderr_bytes"])) for attempt in run.attempts]),
        "log_dropped_bytes": facts.log_dropped_bytes,
        "log_error": facts.log_error,
        "cpu_seconds": round(_cpu_seconds(run, facts), 6),
        "cpu_of": facts.cpu_of,
        "memory_bytes": max(facts.memory_bytes, run.memory_bytes_before),
        "memory_of": facts.memory_of,
        "read_bytes": facts.read_bytes,
        "written_bytes": facts.written_bytes,
        "log": run.log,
    }


def _cpu_seconds(run: Run, facts: Facts) -> float:
    """Return what all attempts used. Of children that were waited for the kernel counts on from attempt to attempt."""
    if facts.cpu_of != words.TREE:
        return facts.cpu_seconds
    return run.cpu_seconds_before + (0.0 if facts.awaited_attempt else facts.cpu_seconds)


def _judge_without_the_table(facts: Facts) -> Judged:
    """Judge when `core.verdict` cannot be imported any more: never better than the truth."""
    outcome, reason, code = words.FAILED, "not_started" if facts.not_started else "output", facts.not_started_code or 1
    if facts.guard_died:
        outcome, reason, code = words.LOST, "runner_killed", 137
    elif facts.stopped_by_request or facts.stopped_by is not None:
        reason, code = "stopped", 128 + (facts.stopped_by or 15)
    elif facts.timed_out or facts.silent:
        reason, code = "timeout" if facts.timed_out else "silence", 124
    elif facts.exit_code:
        reason, code = "exit_code", facts.exit_code
    elif facts.signal:
        reason, code = "signal", 128 + facts.signal
    detail = "judged without the verdict table, which could not be loaded"
    return Judged(outcome, reason, detail, exit_code=code, verdict="fail")


def record_the_end(run: Run, facts: Facts, end: dict[str, object]) -> None:
    """Write the end, and with it the health. What the disk refuses stays in the block, and is told.

    The health comes before the block's end and before the news: who is killed in between is looked at by the next
    start, and the news know of a hold.
    """
    store = run.adapters.store
    left = [[pid, proc.start_time(pid)] for pid in facts.survivor_pids]
    changes: list[dict[str, object]] = []

    def post(fault: str | None) -> None:
        if fault is not None:
            end["record_fault"] = fault
        try:
            changes.extend(update_health(run, end))
        except Exception as error:  # noqa: BLE001  half a package, an unreadable health: the end itself is recorded
            end["health_fault"] = f"the health was not updated: {error}"
        post_news(run, facts, end, record_fault=fault)

    fault = store.record_end(run.block, end, left=left, post=post)
    if fault is not None:
        end["record_fault"] = fault
    elif "health_fault" in end:
        tell_the_journal(run, end)
    for record in (end, *changes):
        run.adapters.announce(record)


def tell_the_journal(run: Run, end: dict[str, object]) -> None:
    """Tell the journal, which has the end already, that the health was not updated."""
    record = {"event": "fault", "at": end["at"], "run_id": run.id, "job": run.job.slug}
    try:
        run.adapters.store.append({**record, "health_fault": end["health_fault"]})
    except CannotRecord:
        pass


def update_health(run: Run, end: dict[str, object]) -> list[dict[str, object]]:
    """Move the job's health on; return what the journal was told of it.

    A healthy job that succeeded needs no write and no import.
    """
    store = run.adapters.store
    if end["outcome"] == words.SUCCEEDED:
        health = store.read_health()
        if health is None:
            from process_control.state.health_file import change_health

            change_health(store, lambda old: HEALTHY if old is None else None)
            return []
        if health["state"] == "healthy" and not health.get("failures_in_row"):
            return []
    from process_control.core.health import Policy
    from process_control.state.health_changes import count_run

    changes = count_run(store, end, policy=Policy.of(run.job))
    health = store.read_health()
    if health is not None and health["state"] == "held":
        end["held"] = _hold_for_people(run, health)
    return changes
