"""Record the end of a run and update the job's health.

Lean module: a success of a healthy job imports nothing.
"""

from process_control.core import facts as words
from process_control.core.facts import signal_name
from process_control.errors import CannotRecord
from process_control.run.gate import hold_for_people
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.run.run import Judged, Run
    from process_control.run.world import World

MAX_FAULTS = 5
HEALTHY: dict[str, object] = {"state": "healthy", "failures_in_row": 0}


def attempt_record(run: "Run", facts: "Facts", judged: "Judged", *, log_offset: int) -> dict[str, object]:
    """Return the entry in the run's record for the attempt that has ended."""
    return {
        "attempt": run.attempt,
        "started_at": iso(run.attempt_started_at),
        "duration_seconds": round(facts.duration_seconds, 3),
        "outcome": judged.outcome,
        "reason": judged.reason,
        "exit_code": facts.exit_code,
        "signal": None if facts.signal is None else signal_name(facts.signal),
        "detail": judged.detail,
        "stdout_bytes": facts.stdout_bytes,
        "stderr_bytes": facts.stderr_bytes,
        "log_offset": None if run.log is None else log_offset,
    }


def end_of(run: "Run", world: "World", facts: "Facts", judged: "Judged") -> dict[str, object]:
    """Return the end record of the run."""
    if not facts.awaited_attempt:
        run.attempts.append(attempt_record(run, facts, judged, log_offset=world.log.capture.log_offsets()[-1]))
    took = facts.duration_seconds
    if len(run.attempts) > 1 or facts.awaited_attempt:
        took = world.clock.monotonic() - run.began
        for of_earlier_attempts in ("attempts", "cpu_seconds", "memory_bytes"):  # the end contains them now
            run.block.pop(of_earlier_attempts, None)
        for attempt, offset in zip(run.attempts, world.log.capture.log_offsets()):  # noqa: B905
            attempt["log_offset"] = None if run.log is None else offset
    faults = {} if facts.lines is None or not facts.lines.faults else {"regex_faults": facts.lines.faults[:MAX_FAULTS]}
    return {
        "event": "end",
        "at": iso(world.clock.now()),
        **run.facts_for_the_record(),
        **run.lateness,
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


def _cpu_seconds(run: "Run", facts: "Facts") -> float:
    """Return the CPU seconds of all attempts. Without a group the kernel's sum over children already has them all."""
    if facts.cpu_of != words.TREE:
        return facts.cpu_seconds
    return run.cpu_seconds_before + (0.0 if facts.awaited_attempt else facts.cpu_seconds)


def record_the_end(run: "Run", world: "World", facts: "Facts", end: dict[str, object]) -> None:
    """Write the end to journal, health and block. What cannot be written stays in the block and is reported.

    The health is written before the block's end, so that the next start repairs it after a kill in between, and before
    mails are made, so that they can mention a hold.
    """
    store = world.store
    left = [[pid, proc.start_time(pid)] for pid in facts.survivor_pids]
    changes: list[dict[str, object]] = []

    def post(fault: str | None) -> None:
        if fault is not None:
            end["record_fault"] = fault
        try:
            changes.extend(update_health(run, world, end))
        except Exception as error:  # noqa: BLE001  a replaced package, an unreadable health: the end is recorded anyway
            end["health_fault"] = f"the health was not updated: {error}"
        world.people.post_end(end, facts, record_fault=fault)

    fault = store.record_end(run.block, end, left=left, post=post)
    if fault is not None:
        end["record_fault"] = fault
    elif "health_fault" in end:
        _record_the_fault(run, world, end)
    for record in (end, *changes):
        world.people.announce(record)


def _record_the_fault(run: "Run", world: "World", end: dict[str, object]) -> None:
    """Add to the journal, which already has the end, that the health was not updated."""
    record = {"event": "fault", "at": end["at"], "run_id": run.id, "job": run.job.slug}
    try:
        world.store.append({**record, "health_fault": end["health_fault"]})
    except CannotRecord:
        pass


def update_health(run: "Run", world: "World", end: dict[str, object]) -> list[dict[str, object]]:
    """Count the run into the job's health; return the records that this added to the journal.

    A success of a healthy job needs no write and no import.
    """
    if run.request.is_ad_hoc or run.request.is_of_the_fleet:
        return []
    store = world.store
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

    changes = count_run(store, end, policy=Policy.from_job(run.job))
    health = store.read_health()
    if health is not None and health["state"] == "held":
        end["held"] = hold_for_people(health, world.clock.now())
    return changes
