"""One run, from the planned slot to the exit code: the corridor that every trigger goes through.

Lean room: until the command is executed only lean rooms are imported; what the end needs is imported while the job
runs. Decisions are in `core/`, effects in the adapters that `wiring.py` picks; here is only their order.
"""

import posix

from process_control.core import run as words
from process_control.core.run import Facts
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, NotStarted
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.signals import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.job import Job
    from process_control.wiring import Adapters

HEALTHY: dict[str, object] = {"state": "healthy", "failures_in_row": 0}


class Request:
    """What was asked: who started it, how, and what was overridden. Seconds; None is the job's own value."""

    __slots__ = ("by", "force", "scheduled", "slow_start", "timeout_seconds", "trigger", "wait", "wait_seconds")

    def __init__(
        self,
        *,
        trigger: str,
        by: str,
        scheduled: bool = False,
        slow_start: bool = False,
        force: bool = False,
        wait: bool = False,
        wait_seconds: float | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        self.trigger = trigger
        self.by = by
        self.scheduled = scheduled
        self.slow_start = slow_start
        self.force = force
        self.wait = wait
        self.wait_seconds = wait_seconds
        self.timeout_seconds = timeout_seconds


class Run:
    """A run on its way through the corridor: what is known of it so far."""

    __slots__ = (
        "adapters",
        "block",
        "cgroup",
        "id",
        "job",
        "lock",
        "log",
        "request",
        "slot",
        "started_at",
        "unrecorded",
    )

    def __init__(self, request: Request, job: "Job", adapters: "Adapters") -> None:
        self.request = request
        self.job = job
        self.adapters = adapters
        self.started_at = adapters.clock.now()
        self.id = run_id(self.started_at, posix.urandom(RANDOM_BYTES))
        self.slot: int | None = None
        self.lock: int | None = None
        self.log: str | None = None
        self.block: dict[str, object] = {}
        self.cgroup: str | None = None
        self.unrecorded = False

    @property
    def scheduled_at(self) -> str | None:
        return None if self.slot is None else iso(self.slot)

    @property
    def commands(self) -> list[list[str]]:
        if not self.request.slow_start:
            return self.job.command
        if not self.job.slow_start_command:
            raise BadConfiguration(
                f"job '{self.job.slug}' has no slow_start_command",
                where=self.job.path,
                mend="add the key slow_start_command, or start it without --slow-start",
            )
        return self.job.slow_start_command

    def facts_for_the_record(self) -> dict[str, object]:
        """Return what every record of this run says."""
        return {
            "run_id": self.id,
            "job": self.job.slug,
            "trigger": self.request.trigger,
            "scheduled_at": self.scheduled_at,
            "slow_start": self.request.slow_start,
            "by": self.request.by,
            "host": self.adapters.identity.host,
            "version": self.job.version,
        }


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
    if slot is None or not run.adapters.store.claim_slot(slot, boot_id=run.adapters.identity.boot_id):
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


def settle_the_last_run(run: Run) -> int | None:
    """With the lock held: see to it that no run under this lock is still alive, and close what was left open.

    A run without an end is `lost` unless a process of it survives: then this start is refused (75), naming it.
    """
    adapters = run.adapters
    for block in adapters.blocks_of_lock(run.job):
        if block.get("end") is None and adapters.runner_lives(block):
            from process_control.overlap import refuse_beside_a_live_run

            let_the_lock_go(run)
            return refuse_beside_a_live_run(run)
        if block.get("end") is None or block.get("left"):
            refuse_survivors(run, block)
        if block.get("end") is None or not block.get("journaled"):
            adapters.close_last_run(block)
    return None


def refuse_survivors(run: Run, block: dict[str, object]) -> None:
    """Refuse to start beside what an earlier run left alive. Raises NotStarted (75), naming the processes."""
    survivors = run.adapters.survivors_of(block)
    if not survivors:
        return
    let_the_lock_go(run)
    shown = ", ".join([proc.describe(pid) for pid in survivors[:5]])
    what = f"not started: run {block.get('run_id')} of {block.get('started_at')} left processes alive: {shown}"
    if run.request.scheduled:
        skip(run, "overlap", what)
    raise NotStarted(what, where=run.job.slug, mend=f"end them: run-job --kill-job {block.get('job')}")


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
        "left": False,
    }
    try:
        adapters.store.write_run(run.block)
        start = {**run.block, "event": "start", "at": iso(run.started_at)}
        for only_in_block in ("end", "journaled", "left", "guard_pid", "started_at", "kill_grace_seconds", "cgroup"):
            del start[only_in_block]
        adapters.store.append(start)
    except CannotRecord:
        if not run.job.run_unlogged:
            adapters.forget_run(run)
            raise
        run.unrecorded = True


def _goes_on(run: Run) -> "Callable[[Facts], bool]":
    """Return the question that the executor asks after each command: does the list go on?"""

    def goes_on(facts: Facts) -> bool:
        return facts.exit_code == 0 and (facts.stderr_bytes == 0 or run.job.stderr != "fail")

    return goes_on


def judge(run: Run, facts: Facts) -> tuple[dict[str, object], int]:
    """Return the end record and the exit code. A plain success needs no import."""
    facts.unlogged = run.unrecorded
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
        "log": run.log,
    }, exit_code


def _judge_with_the_table(run: Run, facts: Facts) -> tuple[str, str | None, str | None, int]:
    try:
        from process_control.core.verdict import exit_status, judge
    except Exception:  # noqa: BLE001  the package was replaced under us: the end is recorded all the same
        return _judge_without_the_table(facts)
    judgement = judge(facts, stderr=run.job.stderr)
    return judgement.outcome, judgement.reason, judgement.detail, exit_status(facts, judgement)


def _judge_without_the_table(facts: Facts) -> tuple[str, str | None, str | None, int]:
    """Judge when `core.verdict` cannot be imported any more: never better than the truth."""
    detail = "judged without the verdict table, which could not be loaded"
    if facts.exit_code:
        return words.FAILED, "exit_code", detail, facts.exit_code
    if facts.signal:
        return words.FAILED, "signal", detail, 128 + facts.signal
    return words.FAILED, "not_started" if facts.not_started else "output", detail, facts.not_started_code or 1


def record_the_end(run: Run, facts: Facts, end: dict[str, object]) -> None:
    """Write the end and then the health. What the disk refuses stays in the block, and is told."""
    store = run.adapters.store
    fault = store.record_end(run.block, end, left=bool(facts.survivors))
    if fault is not None:
        end["record_fault"] = fault
    try:
        update_health(run, end)
    except (CannotRecord, ValueError, ImportError) as error:
        end["health_fault"] = str(error)


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


def let_the_lock_go(run: Run) -> None:
    if run.lock is not None:
        posix.close(run.lock)
        run.lock = None


def tell(run: Run, facts: Facts, end: dict[str, object]) -> None:
    """Tell people; nothing that goes wrong here changes the run."""
    try:
        run.adapters.notifier.tell(end, facts, name=run.job.name)
    except Exception:  # noqa: BLE001  telling about a failure must not cause one
        pass


def skip(run: Run, reason: str, detail: str) -> int:
    """Record that this slot was skipped, and why; a quiet exit."""
    now = run.adapters.clock.now()
    run.adapters.store.append(
        {
            "event": "skip",
            "at": iso(now),
            **run.facts_for_the_record(),
            "outcome": words.SKIPPED,
            "reason": reason,
            "detail": detail,
        }
    )
    return 0


def fail_unstarted(run: Run, reason: str, detail: str) -> int:
    """Record a run that failed without having been started (`on_overlap: fail`), and tell it."""
    facts = Facts()
    now = iso(run.adapters.clock.now())
    end: dict[str, object] = {
        "event": "end",
        "at": now,
        **run.facts_for_the_record(),
        "started_at": now,
        "outcome": words.FAILED,
        "reason": reason,
        "exit_code": None,
        "signal": None,
        "duration_seconds": 0.0,
        "detail": detail,
        "attempts": [],
        "log": None,
    }
    run.adapters.store.append(end)
    tell(run, facts, end)
    return NotStarted.exit_code


def _signal_name(number: int | None) -> str | None:
    return None if number is None else signal_name(number)
