"""One run, from the planned slot to the exit code: the corridor that every trigger goes through.

Lean room: until the command is executed only lean rooms are imported; what the end needs is imported while the job
runs. Decisions are in `core/`, effects in the adapters that `wiring.py` picks; here is only their order.
"""

import posix

from process_control.core import run as words
from process_control.core.run import Facts
from process_control.current_run import Request, Run, let_the_lock_go, post_news, skip, tell
from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, NotStarted
from process_control.last_run import settle_the_last_run
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.signals import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.job import Job
    from process_control.wiring import Adapters

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
        if done is not None:
            return done
        record_the_start(run)
    except (CannotRecord, BadConfiguration, NotPermitted):
        if run.slot is not None:
            adapters.store.give_slot_back(run.slot)
        raise
    facts = adapters.executor(run).execute(run.commands, goes_on=_goes_on(run))
    end, exit_code = judge(run, facts)
    record_the_end(run, facts, end)
    let_the_lock_go(run)
    tell(run, facts, end)
    adapters.have_news_told()
    adapters.keep_house()
    return exit_code


def open_the_record(run: Run) -> None:
    """Open the job's block. `run_unlogged` goes on without one, as a job that was never seen."""
    try:
        run.adapters.store.open()
    except CannotRecord:
        if not run.job.run_unlogged:
            raise


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
    if not run.adapters.store.claim_slot(slot, boot_id=run.adapters.identity.boot_id):
        run.adapters.announce({"event": "repeat", **run.facts_for_the_record(), "scheduled_at": iso(slot)})
        return 0
    run.slot = slot
    if now - slot > run.job.start_within_seconds:
        late = f"{int(now - slot)} s after its slot, start_within is {run.job.start_within_seconds:g} s"
        return skip(run, "too_late", late)
    return None


def pass_the_gate(run: Run) -> int | None:
    """Turn away what must not run now: quietly when scheduled, with a reason by hand. None to go on."""
    if run.request.scheduled and run.job.disabled:
        return skip(run, "disabled", "the job file says so")
    held = _hold_of(run)
    if held is None or (run.request.force and not run.request.scheduled):
        return None
    if run.request.scheduled:
        return skip(run, "held", held)
    raise NotStarted(
        f"held: {held}",
        where=run.job.slug,
        mend=f"run it all the same: run-job --force {run.job.slug}",
    )


def _hold_of(run: Run) -> str | None:
    """Return why the job is held, in words, or None."""
    try:
        health = run.adapters.store.read_health()
        if health is None and run.adapters.store.previous_run() is not None:
            from process_control.history.rebuild import rebuild_health

            health = rebuild_health(run.adapters.state_directory, run.job.slug)
    except ValueError as error:
        return f"its health file cannot be understood ({error}); removed, it is built again from the journal"
    if health is None or health.get("state") != "held":
        return None
    who = f" by {health['by']}" if health.get("by") else ""
    return f"{health.get('since') or 'at an unknown time'}{who}: {health.get('why') or 'no reason given'}"


def take_the_lock(run: Run) -> int | None:
    """Take the job's lock, or do what `on_overlap` says when somebody else holds it. None to go on."""
    run.lock = run.adapters.take_lock(run.job.lock)
    if run.lock is not None:
        return None
    from process_control.overlap import meet_the_holder

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
    run.block = {
        **run.facts_for_the_record(),
        "lock": run.job.lock,
        "pid": posix.getpid(),
        "pid_start": proc.start_time(posix.getpid()),
        "boot_id": adapters.identity.boot_id,
        "pid_ns": adapters.identity.pid_namespace,
        "guard_pid": posix.getppid(),
        "kill_grace_seconds": run.job.kill_grace_seconds,
        "started_at": iso(run.started_at),
        "log": run.log,
        "cgroup": run.cgroup,
        "end": None,
        "journaled": False,
        "left": [],
    }
    if limits:
        run.block["limits"] = limits
    start = {**run.block, "event": "start", "at": iso(run.started_at)}
    for only_in_block in ("end", "journaled", "left", "guard_pid", "started_at", "kill_grace_seconds", "cgroup"):
        del start[only_in_block]
    try:
        adapters.store.write_start(run.block)
        adapters.store.append(start)
    except CannotRecord:
        if not run.job.run_unlogged:
            adapters.forget_run(run)
            raise
        run.unrecorded = True
    adapters.announce(start)


def _goes_on(run: Run) -> "Callable[[Facts], bool]":
    """Return the question that the executor asks after each command: does the list go on?"""

    def goes_on(facts: Facts) -> bool:
        return facts.exit_code == 0 and (facts.stderr_bytes == 0 or run.job.stderr != "fail")

    return goes_on


def judge(run: Run, facts: Facts) -> tuple[dict[str, object], int]:
    """Return the end record and the exit code. A plain success needs no import."""
    facts.unlogged = run.unrecorded
    facts.limits_missing = run.limits_missing
    outcome, reason, detail, exit_code = words.SUCCEEDED, None, None, 0
    if not facts.is_plain_success():
        outcome, reason, detail, exit_code = _judge_with_the_table(run, facts)
    duration = round(facts.duration_seconds, 3)
    attempt = {
        "attempt": 1,
        "started_at": iso(run.started_at),
        "duration_seconds": duration,
        "outcome": outcome,
        "reason": reason,
        "exit_code": facts.exit_code,
        "signal": _signal_name(facts.signal),
    }
    return {
        "event": "end",
        "at": iso(run.adapters.clock.now()),
        **run.facts_for_the_record(),
        "started_at": iso(run.started_at),
        "outcome": outcome,
        "reason": reason,
        "exit_code": facts.exit_code,
        "signal": _signal_name(facts.signal),
        "duration_seconds": duration,
        "detail": detail,
        "attempts": [attempt],
        "stdout_bytes": facts.stdout_bytes,
        "stderr_bytes": facts.stderr_bytes,
        "log_dropped_bytes": facts.log_dropped_bytes,
        "log_error": facts.log_error,
        "cpu_seconds": round(facts.cpu_seconds, 6),
        "memory_bytes": facts.memory_bytes,
        "read_bytes": facts.read_bytes,
        "written_bytes": facts.written_bytes,
        "log": run.log,
    }, exit_code


def _judge_with_the_table(run: Run, facts: Facts) -> tuple[str, str | None, str | None, int]:
    try:
        from process_control.core.verdict import exit_status, judge
    except Exception:  # noqa: BLE001  the package was replaced under us: the end is recorded all the same
        return _judge_without_the_table(facts)
    judgement = judge(facts, stderr=run.job.stderr)
    detail = judgement.detail
    if detail is not None and run.adapters.notifier.secrets:  # a leftover is named with its command line
        from process_control.notify.message import mask

        detail = mask(detail, run.adapters.notifier.secrets)
    return judgement.outcome, judgement.reason, detail, exit_status(facts, judgement)


def _judge_without_the_table(facts: Facts) -> tuple[str, str | None, str | None, int]:
    """Judge when `core.verdict` cannot be imported any more: never better than the truth."""
    detail = "judged without the verdict table, which could not be loaded"
    if facts.guard_died:
        return words.LOST, "runner_killed", detail, 137
    if facts.stopped_by_request or facts.stopped_by is not None:
        return words.FAILED, "stopped", detail, 128 + (facts.stopped_by or 15)
    if facts.timed_out or facts.silent:
        return words.FAILED, "timeout" if facts.timed_out else "silence", detail, 124
    if facts.exit_code:
        return words.FAILED, "exit_code", detail, facts.exit_code
    if facts.signal:
        return words.FAILED, "signal", detail, 128 + facts.signal
    return words.FAILED, "not_started" if facts.not_started else "output", detail, facts.not_started_code or 1


def record_the_end(run: Run, facts: Facts, end: dict[str, object]) -> None:
    """Write the end and then the health. What the disk refuses stays in the block, and is told."""
    store = run.adapters.store
    left = [[pid, proc.start_time(pid)] for pid in facts.survivor_pids]

    def post(fault: str | None) -> None:
        post_news(run, facts, end, record_fault=fault)

    fault = store.record_end(run.block, end, left=left, post=post)
    if fault is not None:
        end["record_fault"] = fault
    run.adapters.announce(end)
    try:
        update_health(run, end)
    except Exception as error:  # noqa: BLE001  half a package, an unreadable health: the end itself is recorded
        end["health_fault"] = f"the health was not updated: {error}"


def update_health(run: Run, end: dict[str, object]) -> None:
    """Move the job's health on. A healthy job that succeeded needs no write and no import."""
    store = run.adapters.store
    if end["outcome"] == words.SUCCEEDED:
        health = store.read_health()
        if health is None:
            store.change_health(lambda old: HEALTHY if old is None else None)
            return
        if health.get("state") == "healthy" and not health.get("failures_in_row"):
            return
    from process_control.history.rebuild import health_after

    store.change_health(lambda old: health_after(old, end, counts=run.request.scheduled))


def _signal_name(number: int | None) -> str | None:
    return None if number is None else signal_name(number)
