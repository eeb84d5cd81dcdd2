"""What happened in an attempt: the facts of one command or one attempt, and the closed sets of words.

Lean module: plain slots and constants, because every cold run loads it. What the facts *mean* is decided in
`core/verdict.py`.
"""

import _signal

from process_control.errors import BY_SIGNAL, RUNNER_KILLED, TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from process_control.core.judgement import Judgement
    from process_control.core.line_watch import Lines

SUCCEEDED, WARNED, FAILED, SKIPPED, LOST = "succeeded", "warned", "failed", "skipped", "lost"
STOPPED_ON_REQUEST = "stopped on request"
OUTCOMES = (SUCCEEDED, WARNED, FAILED, SKIPPED, LOST)

MANUAL, CRON, TIMER, SCHEDULER, WEB, FLEET, JOB = "manual", "cron", "timer", "scheduler", "web", "fleet", "job"
OUTPUT_CUT = "output_cut"

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
    OUTPUT_CUT,
)
SKIP_REASONS = ("overlap", "held", "backoff", "disabled", "excluded", "too_late")


TREE, WAITED_FOR, LARGEST_PROCESS = "tree", "waited_for", "largest_process"
"""Of what the CPU time and the peak of memory are: all processes, those waited for, the one that had most."""


class Facts:
    """What was seen of one attempt (of all its commands until one of them stopped the list).

    `exit_code` and `signal` are those of the last command that ran: one of them is None. `not_started` is a
    sentence, with `not_started_code` 126 or 127, and `not_started_passing` for what another try may not meet;
    `was_starting`: a limit or a stop came before the command was executed. `not_in_force` names limits and
    calendars that are not in force. `stopped_by` is the signal number that `run-job` was given,
    `stopped_by_request` true when `--kill-job` asked.
    Durations are seconds of the monotonic clock. `cpu_seconds` and `memory_bytes` (the peak) are those of the whole
    tree where a control group tells them, as `cpu_of` and `memory_of` say; else the CPU time of the processes that
    somebody waited for, and the peak of the largest of them.

    For rules and expectations: `earlier` is what the commands before the last one came to; `lines` what was seen of the
    output, None when no rule asks, and `lines_unseen` that nobody could look; `expected_file` how many seconds before
    the attempt that file was written (below 0: after its start), or why it cannot be looked at. `awaited_attempt` is
    the one that the run waited for when it was stopped.
    """

    __slots__ = (
        "awaited_attempt",
        "command_index",
        "cpu_of",
        "cpu_seconds",
        "duration_seconds",
        "earlier",
        "exit_code",
        "expected_file",
        "guard_died",
        "leftovers",
        "lines",
        "lines_unseen",
        "log_dropped_bytes",
        "log_error",
        "memory_bytes",
        "memory_of",
        "not_in_force",
        "not_started",
        "not_started_code",
        "not_started_passing",
        "out_of_memory",
        "output_cut",
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
        "was_starting",
        "written_bytes",
    )

    def __init__(self) -> None:
        self.awaited_attempt = 0
        self.command_index = 0
        self.earlier: list[Judgement] = []
        self.exit_code: int | None = None
        self.expected_file: float | str | None = None
        self.lines: Lines | None = None
        self.lines_unseen = False
        self.signal: int | None = None
        self.timed_out = False
        self.timeout_seconds = 0.0
        self.stopped_by: int | None = None
        self.stopped_by_request = False
        self.guard_died = False
        self.not_started: str | None = None
        self.not_started_code: int | None = None
        self.not_started_passing = False
        self.was_starting = False
        self.stdout_bytes = 0
        self.stderr_bytes = 0
        self.stderr_excerpt = b""
        self.leftovers: list[str] = []
        self.survivors: list[str] = []
        self.survivor_pids: list[int] = []
        self.unlogged = False
        self.log_error: str | None = None
        self.output_cut: str | None = None
        self.log_dropped_bytes = 0
        self.duration_seconds = 0.0
        self.cpu_seconds = 0.0
        self.cpu_of = WAITED_FOR
        self.memory_bytes = 0
        self.memory_of = LARGEST_PROCESS
        self.read_bytes = 0
        self.written_bytes = 0
        self.silent = False
        self.silence_seconds = 0.0
        self.out_of_memory = False
        self.not_in_force: str | None = None

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
            and self.output_cut is None
            and not self.silent
            and not self.out_of_memory
            and self.not_in_force is None
            and not self.earlier
            and (self.lines is None or not self.lines.faults)
            and not self.lines_unseen
        )


def looks_at_successes(rules: "list[dict[str, Any]]", expect: "dict[str, Any]") -> bool:
    """Whether a rule or an expectation may have something to say of a plain success too."""
    return bool(expect) or not all(_needs_a_failure(rule) for rule in rules)


def _needs_a_failure(rule: "dict[str, Any]") -> bool:
    """Whether one of the rule's conditions never holds for a plain success; all of them are needed."""
    if any(name in rule for name in ("signal", "stderr", "timeout", "silence", "leftovers")):
        return True
    return all(low > 0 for low, _ in rule.get("exit_code", [(0, 0)]))


def signal_name(number: int) -> str:
    """Return `KILL` for 9, `35` for a signal without a name; of two names the first: IO, not POLL."""
    names: list[str] = sorted(vars(_signal))
    for name in names:
        if name.startswith("SIG") and not name.startswith(("SIG_", "SIGRT")) and getattr(_signal, name) == number:
            return name[3:]
    return str(number)


WITHOUT_THE_TABLE = "judged without the rules, which could not be loaded"


def judge_without_the_table(facts: Facts) -> "tuple[str, str, int]":
    """Return outcome, reason and exit code when `core.verdict` cannot be imported: never better than the truth.

    The package may be replaced while a job runs. What is no plain success has failed;
    a test holds it against the table.
    """
    if facts.guard_died:
        return LOST, "runner_killed", RUNNER_KILLED
    if facts.stopped_by_request or facts.stopped_by is not None:
        return FAILED, "stopped", BY_SIGNAL + (facts.stopped_by or 15)
    if facts.timed_out or facts.silent:
        return FAILED, "timeout" if facts.timed_out else "silence", TIMEOUT
    if facts.exit_code:
        return FAILED, "exit_code", facts.exit_code
    if facts.signal:
        return FAILED, "signal", BY_SIGNAL + facts.signal
    return FAILED, "not_started" if facts.not_started else "output", facts.not_started_code or 1
