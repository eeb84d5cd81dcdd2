"""The data of a run: the request, what is known so far, and the results of steps.

Lean module.
"""

import posix

from process_control.core import gate
from process_control.core.facts import JOB
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.errors import BadConfiguration
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job
    from process_control.errors import ProcessControlError


class Request:
    """A start as requested: by whom, how, and overridden values. Times in seconds; None is the value of the job."""

    __slots__ = (
        "by",
        "due",
        "force",
        "is_ad_hoc",
        "is_caught_up",
        "is_rerun",
        "note",
        "queued_seconds",
        "run_id",
        "scheduled",
        "slot",
        "slow_start",
        "slow_start_step",
        "timeout_seconds",
        "trigger",
        "wait",
        "wait_seconds",
    )

    def __init__(
        self,
        *,
        trigger: str,
        by: str,
        scheduled: bool = False,
        slot: int | None = None,
        due: int | None = None,
        queued_seconds: float = 0.0,
        run_id: str | None = None,
        is_rerun: bool = False,
        is_caught_up: bool = False,
        slow_start: bool = False,
        slow_start_step: str | None = None,
        force: bool = False,
        wait: bool = False,
        wait_seconds: float | None = None,
        timeout_seconds: float | None = None,
        note: str | None = None,
        is_ad_hoc: bool = False,
    ) -> None:
        self.trigger = trigger
        self.by = by
        self.scheduled = scheduled
        #: The past planned time to run, in UTC seconds: given by hand, by `catch_up` or by a cause, whose starts are
        #: `scheduled` too. Other scheduled starts find their planned time by the clock.
        self.slot = slot
        #: The planned time for which the scheduler starts this run, in UTC seconds; it came in time.
        self.due = due
        #: For how long the scheduler has held it back since then.
        self.queued_seconds = queued_seconds
        #: The id that the run gets, where whoever starts it has to know it before; None: a new one.
        self.run_id = run_id
        #: Whether the fleet runs the planned time once more, because a host was lost: perhaps this one.
        self.is_rerun = is_rerun
        #: Whether the fleet makes up for a missed planned time; on one host see `is_catching_up`.
        self.is_caught_up = is_caught_up
        self.slow_start = slow_start
        #: The step of the slow start as the fleet counts it; None: the run finds it in the health of its job.
        self.slow_start_step = slow_start_step
        self.force = force
        self.wait = wait
        self.wait_seconds = wait_seconds
        self.timeout_seconds = timeout_seconds
        self.note = note
        #: The command of `exec`: it has no health and no version, for there is no job.
        self.is_ad_hoc = is_ad_hoc

    @property
    def is_of_the_fleet(self) -> bool:
        """Whether the fleet starts the run: the health of the job is what its lock there has counted."""
        return self.run_id is not None

    @property
    def is_following(self) -> bool:
        """Whether a cause that has ended (`after`) starts the run for its planned time."""
        return self.scheduled and self.trigger == JOB

    @property
    def is_catching_up(self) -> bool:
        """Whether `catch_up` runs a missed planned time."""
        return self.scheduled and self.slot is not None and self.trigger != JOB


class Run:
    """A run of one job. Holds only data; `World` has the resources."""

    __slots__ = (
        "attempt",
        "attempt_started_at",
        "attempts",
        "began",
        "block",
        "cause_waited_seconds",
        "cgroup",
        "cpu_seconds_before",
        "host",
        "id",
        "is_for_an_older_slot",
        "is_of_a_new_version",
        "jitter_waited_seconds",
        "job",
        "lateness",
        "log",
        "memory_bytes_before",
        "not_in_force",
        "permission",
        "pid_start",
        "queue_waited_seconds",
        "request",
        "slot",
        "slow_start",
        "slow_start_step",
        "started_at",
        "unrecorded",
        "waited_seconds",
    )

    def __init__(self, request: Request, job: "Job", *, started_at: float, host: str) -> None:
        self.request = request
        self.job = job
        self.host = host
        #: UTC seconds; after a wait, or a condition, its end.
        self.started_at = started_at
        self.id = request.run_id or run_id(started_at, posix.urandom(RANDOM_BYTES))
        #: When this process started, see `proc.start_time`.
        self.pid_start = proc.start_time(posix.getpid()) or 0
        #: The planned time that this start has claimed, in UTC seconds.
        self.slot: int | None = None
        #: Whether a cause that was run late has started it, for another planned time than its last.
        self.is_for_an_older_slot = False
        #: Seconds that this start waited for the lock.
        self.waited_seconds = 0.0
        #: Seconds that it waited for its causes.
        self.cause_waited_seconds = 0.0
        #: Seconds of its random delay.
        self.jitter_waited_seconds = 0.0
        #: Seconds that it waited for a place in its pool, or on the host.
        self.queue_waited_seconds = 0.0
        #: How late it began and of what that is made, see `start.lateness`.
        self.lateness: dict[str, object] = {}
        #: The path of the log.
        self.log: str | None = None
        #: The job's block for this run.
        self.block: dict[str, object] = {}
        #: Whether the job's last run had another version of the file, or there was none.
        self.is_of_a_new_version = False
        #: The path of the attempt's control group.
        self.cgroup: str | None = None
        #: CPU seconds of earlier attempts, by their control groups.
        self.cpu_seconds_before = 0.0
        self.memory_bytes_before = 0
        #: Whether it runs although it could not be recorded (`run_unlogged`).
        self.unrecorded = False
        #: What the health permits, see `core/gate.py`.
        self.permission = gate.GO
        self.slow_start = request.slow_start
        #: The step of the slow start: `2 of 3`, `probe`.
        self.slow_start_step = request.slow_start_step
        #: Which limits are not in force, in words.
        self.not_in_force: str | None = None
        self.attempt = 1
        self.attempt_started_at = started_at
        self.attempts: list[dict[str, object]] = []
        #: When the first attempt began, in monotonic seconds.
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
    def has_attempts_left(self) -> bool:
        return self.attempt < self.job.retry_attempts

    @property
    def commands(self) -> list[list[str]]:
        if not self.slow_start:
            return self.job.command
        if self.slow_start_step is not None:  # a slow start; without slow_start_command it uses the full command
            return self.job.slow_start_command or self.job.command
        if not self.job.slow_start_command:
            raise BadConfiguration(
                f"job '{self.job.slug}' has no slow_start_command",
                where=self.job.path,
                hint="add the key slow_start_command, or leave --slow-start out",
            )
        return self.job.slow_start_command

    def asked(self) -> dict[str, object]:
        """Return the fields of a record for a start without a run: job, trigger, user, host."""
        return {"job": self.job.slug, "trigger": self.request.trigger, "by": self.request.by, "host": self.host}

    def facts_for_the_record(self) -> dict[str, object]:
        """Return the fields that every record of this run has."""
        facts: dict[str, object] = {
            "run_id": self.id,
            "job": self.job.slug,
            "trigger": self.request.trigger,
            "scheduled_at": self.scheduled_at,
            "slow_start": self.slow_start,
            "by": self.request.by,
            "host": self.host,
            "version": self.job.version,
        }
        if self.request.is_catching_up or self.request.is_caught_up or self.is_for_an_older_slot:
            facts["caught_up"] = True
        if self.slow_start_step is not None:
            facts["slow_start_step"] = self.slow_start_step
        if self.request.note is not None:
            facts["note"] = self.request.note
        return facts


class Judged:
    """The judgement of an attempt, in the terms of the record."""

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
        #: The rule or the line that decided; None when it was neither.
        self.decided_by = decided_by


# --- results of a step ------------------------------------------------------------------------------------------------


class Go:
    """Result of a step: continue with the next."""

    __slots__ = ()


class Stop:
    """Result of a step: there is no run, and this has been recorded."""

    __slots__ = ("error", "exit_code")

    def __init__(self, exit_code: int = 0, *, error: "ProcessControlError | None" = None) -> None:
        #: The exit code of `run-job`; an error has its own.
        self.exit_code = exit_code
        #: What the caller is shown; None to show nothing.
        self.error = error


GO = Go()
