"""What happened in an attempt: the facts of one command or one attempt, and the closed sets of words.

Lean room: imports nothing; plain slots and constants, because every cold run loads it. What the facts
*mean* is decided in `core/verdict.py`.
"""

SUCCEEDED, WARNED, FAILED, SKIPPED, LOST = "succeeded", "warned", "failed", "skipped", "lost"
OUTCOMES = (SUCCEEDED, WARNED, FAILED, SKIPPED, LOST)

MANUAL, CRON, TIMER, SCHEDULER, WEB, FLEET, JOB = "manual", "cron", "timer", "scheduler", "web", "fleet", "job"
TRIGGERS = (MANUAL, CRON, TIMER, SCHEDULER, WEB, FLEET, JOB)

REASONS = (
    "exit_code",
    "signal",
    "stderr",
    "output",
    "timeout",
    "silence",
    "too_short",
    "too_long",
    "expectation",
    "oom",
    "leftovers",
    "overlap",
    "not_started",
    "runner_killed",
    "host_down",
    "stopped",
)
SKIP_REASONS = ("overlap", "held", "backoff", "disabled", "excluded", "too_late")


class Facts:
    """What was seen of one attempt (of all its commands until one of them stopped the list).

    `exit_code` and `signal` are those of the last command that ran: one of them is None. `not_started` is a
    sentence, with `not_started_code` 126 or 127; `limits_missing` one that names limits that are not in force.
    `stopped_by` is the signal number that `run-job` was given, `stopped_by_request` true when `--kill-job` asked.
    Durations are seconds of the monotonic clock; `memory_bytes` is the peak of the whole tree where a control group
    tells it, else that of its largest process.
    """

    __slots__ = (
        "command_index",
        "cpu_seconds",
        "duration_seconds",
        "exit_code",
        "guard_died",
        "leftovers",
        "limits_missing",
        "log_dropped_bytes",
        "log_error",
        "memory_bytes",
        "not_started",
        "not_started_code",
        "out_of_memory",
        "read_bytes",
        "signal",
        "silence_seconds",
        "silent",
        "stderr_bytes",
        "stderr_excerpt",
        "stdout_bytes",
        "stopped_by",
        "stopped_by_request",
        "survivor_pids",
        "survivors",
        "timed_out",
        "timeout_seconds",
        "unlogged",
        "written_bytes",
    )

    def __init__(self) -> None:
        self.command_index = 0
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.timed_out = False
        self.timeout_seconds = 0.0
        self.stopped_by: int | None = None
        self.stopped_by_request = False
        self.guard_died = False
        self.not_started: str | None = None
        self.not_started_code: int | None = None
        self.stdout_bytes = 0
        self.stderr_bytes = 0
        self.stderr_excerpt = b""
        self.leftovers: list[str] = []
        self.survivors: list[str] = []
        self.survivor_pids: list[int] = []
        self.unlogged = False
        self.log_error: str | None = None
        self.log_dropped_bytes = 0
        self.duration_seconds = 0.0
        self.cpu_seconds = 0.0
        self.memory_bytes = 0
        self.read_bytes = 0
        self.written_bytes = 0
        self.silent = False
        self.silence_seconds = 0.0
        self.out_of_memory = False
        self.limits_missing: str | None = None

    def is_plain_success(self) -> bool:
        """Whether this is a success under every policy that `core.verdict.judge` knows: nothing to tell at all.

        The short cut of the cold door: judging it imports nothing. A test holds it against the whole table.
        """
        return (
            self.exit_code == 0
            and not self.stderr_bytes
            and not self.timed_out
            and self.stopped_by is None
            and not self.stopped_by_request
            and not self.guard_died
            and self.not_started is None
            and not self.leftovers
            and not self.survivors
            and not self.unlogged
            and not self.silent
            and not self.out_of_memory
            and self.limits_missing is None
        )
