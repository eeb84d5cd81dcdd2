"""A run on its way through the corridor: what is known of it, and how it is recorded when it does not start.

Lean room.
"""

import posix

from process_control.core import facts as words
from process_control.core.facts import Facts
from process_control.core.gate import GO
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.errors import BadConfiguration, NotStarted
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.signals import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job
    from process_control.run.adapters import Adapters
    from process_control.state.block import Block


class Request:
    """What was asked: who started it, how, and what was overridden. Seconds; None is the job's own value."""

    __slots__ = ("by", "force", "note", "scheduled", "slow_start", "timeout_seconds", "trigger", "wait", "wait_seconds")

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
        note: str | None = None,
    ) -> None:
        self.trigger = trigger
        self.by = by
        self.scheduled = scheduled
        self.slow_start = slow_start
        self.force = force
        self.wait = wait
        self.wait_seconds = wait_seconds
        self.timeout_seconds = timeout_seconds
        self.note = note


class Run:
    """A run on its way through the corridor: what is known of it so far.

    `leave` is what the gate said (`core/gate.py`); `slow_start_step` says which small dose this is: `2 of 3`, `probe`.
    """

    __slots__ = (
        "adapters",
        "attempt",
        "attempt_started_at",
        "attempts",
        "began",
        "block",
        "cgroup",
        "cpu_seconds_before",
        "id",
        "job",
        "leave",
        "limits_missing",
        "lock",
        "log",
        "memory_bytes_before",
        "pid_start",
        "request",
        "slot",
        "slow_start",
        "slow_start_step",
        "started_at",
        "unrecorded",
    )

    def __init__(self, request: Request, job: "Job", adapters: "Adapters") -> None:
        self.request = request
        self.job = job
        self.adapters = adapters
        self.started_at = adapters.clock.now()
        self.id = run_id(self.started_at, posix.urandom(RANDOM_BYTES))
        self.pid_start = proc.start_time(posix.getpid()) or 0
        self.slot: int | None = None
        self.lock: int | None = None
        self.log: str | None = None
        self.block: dict[str, object] = {}
        self.cgroup: str | None = None
        self.cpu_seconds_before = 0.0  # of the attempts before this one, by their control groups
        self.memory_bytes_before = 0
        self.unrecorded = False
        self.leave = GO
        self.slow_start = request.slow_start
        self.slow_start_step: str | None = None
        self.limits_missing: str | None = None
        self.attempt = 1
        self.attempt_started_at = self.started_at
        self.attempts: list[dict[str, object]] = []
        self.began = 0.0

    @property
    def scheduled_at(self) -> str | None:
        return None if self.slot is None else iso(self.slot)

    @property
    def timeout_seconds(self) -> float:
        """The time limit of each attempt; 0.0 for none."""
        asked = self.request.timeout_seconds
        return self.job.timeout_seconds if asked is None else asked

    @property
    def longest_seconds(self) -> float | None:
        """How long the run may take before its last grace, all attempts together; None for as long as it likes."""
        job = self.job
        between = job.kill_grace_seconds + job.retry_max_delay_seconds * (1 + job.retry_jitter)
        if not self.timeout_seconds:
            return None
        return self.timeout_seconds * job.retry_attempts + between * (job.retry_attempts - 1)

    @property
    def commands(self) -> list[list[str]]:
        if not self.slow_start:
            return self.job.command
        if self.slow_start_step is not None:  # health asks for it: without a small dose it is the full one
            return self.job.slow_start_command or self.job.command
        if not self.job.slow_start_command:
            raise BadConfiguration(
                f"job '{self.job.slug}' has no slow_start_command",
                where=self.job.path,
                mend="add the key slow_start_command, or start it without --slow-start",
            )
        return self.job.slow_start_command

    def asked(self) -> dict[str, object]:
        """Return what is said of a start that came to no run: of which job, how, by whom, on which host."""
        request = self.request
        host = self.adapters.identity.host
        return {"job": self.job.slug, "trigger": request.trigger, "by": request.by, "host": host}

    def facts_for_the_record(self) -> dict[str, object]:
        """Return what every record of this run says."""
        facts: dict[str, object] = {
            "run_id": self.id,
            "job": self.job.slug,
            "trigger": self.request.trigger,
            "scheduled_at": self.scheduled_at,
            "slow_start": self.slow_start,
            "by": self.request.by,
            "host": self.adapters.identity.host,
            "version": self.job.version,
        }
        if self.slow_start_step is not None:
            facts["slow_start_step"] = self.slow_start_step
        if self.request.note is not None:
            facts["note"] = self.request.note
        return facts


class Judged:
    """What an attempt came to, in the words of the record. `decided_by`: the rule or the line, where one did."""

    __slots__ = ("decided_by", "detail", "exit_code", "outcome", "reason", "verdict")

    def __init__(
        self,
        outcome: str,
        reason: str | None = None,
        detail: str | None = None,
        *,
        exit_code: int,
        verdict: str = "ignore",
        decided_by: dict[str, object] | None = None,
    ) -> None:
        self.outcome = outcome
        self.reason = reason
        self.detail = detail
        self.exit_code = exit_code
        self.verdict = verdict
        self.decided_by = decided_by


def attempt_record(run: Run, facts: Facts, judged: Judged) -> dict[str, object]:
    """Return what the record of a run says of the attempt that has ended."""
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
        "log_offset": None if run.log is None else run.adapters.log_offsets()[-1],
    }


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


def post_news(run: Run, facts: Facts, end: dict[str, object], *, record_fault: str | None = None) -> None:
    """Leave word of the end for the process that mails people, when there is somebody to be mailed. Never raises."""
    try:
        if run.adapters.must_be_told(str(end["outcome"])):
            from process_control.notify.event import post_end

            adapters = run.adapters
            post_end(adapters.postman, end, facts, secrets=adapters.notifier.secrets, record_fault=record_fault)
    except Exception:  # noqa: BLE001  telling about a failure must not cause one
        pass


def skip(run: Run, reason: str, detail: str, *, unplanned: bool = False) -> int:
    """Record that this slot was skipped, and why; a quiet exit. `unplanned`: nobody chose that."""
    record: dict[str, object] = {
        "event": "skip",
        "at": iso(run.adapters.clock.now()),
        **run.facts_for_the_record(),
        "outcome": words.SKIPPED,
        "reason": reason,
        "detail": detail,
    }
    if unplanned:
        record["unplanned"] = True
    run.adapters.store.append(record)
    run.adapters.store.end_claim()
    run.adapters.announce(record)
    return 0


def note_waiting(run: Run, for_what: str) -> None:
    """Record that a scheduled start waits: whatever becomes of it, its planned time is accounted for."""
    at = iso(run.adapters.clock.now())
    record: dict[str, object] = {"event": "waiting", "at": at, **run.facts_for_the_record(), "detail": for_what}
    run.adapters.store.append(record)
    run.adapters.announce(record)


def turn_away(run: Run, reason: str, detail: str) -> int:
    """Skip this slot; a run that was left open is closed and told all the same."""
    settle_before_leaving(run)
    return skip(run, reason, detail)


def settle_before_leaving(run: Run) -> None:
    """Close what the job's last run left open, if it did: a job that is held may not start for weeks."""
    block = run.adapters.store.previous_run()
    if run.lock is None and block is not None and is_unsettled(block):
        from process_control.run.unfinished import settle_without_a_start

        settle_without_a_start(run, block)


def is_unsettled(block: "Block") -> bool:
    return block.get("end") is None or bool(block.get("left")) or not block.get("journaled")


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
        "verdict": "fail",
        "decided_by": None,
        "attempts": [],
        "log": None,
    }
    run.adapters.store.append(end)
    run.adapters.store.end_claim()
    post_news(run, facts, end)
    run.adapters.announce(end)
    run.adapters.have_news_told()
    tell(run, facts, end)
    return NotStarted.exit_code
