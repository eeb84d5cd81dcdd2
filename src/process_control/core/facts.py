"""What happened in one attempt, and the closed sets of words for outcomes, triggers and reasons.

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
#: A person has started the run: by a command, or by the page.
BY_HAND = (MANUAL, WEB)

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
    "condition",
    OUTPUT_CUT,
)
SKIP_REASONS = ("overlap", "held", "backoff", "disabled", "excluded", "too_late", "condition", "cause_missing")


#: Which processes CPU time and peak memory cover: all, those waited for, or only the largest one.
TREE, WAITED_FOR, MAX_PROCESS = "tree", "waited_for", "largest_process"


class Facts:
    """The facts of one attempt, all its commands together. Durations are seconds of the monotonic clock."""

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
        #: the attempt that the run waited for when it was stopped; 0: none
        self.awaited_attempt = 0
        #: the index of the last command that ran
        self.command_index = 0
        #: the judgements of the commands before the last one
        self.earlier: list[Judgement] = []
        #: of the last command that ran; None when a signal ended it
        self.exit_code: int | None = None
        #: seconds from its last change to the start of the attempt (below 0: written later), or why it cannot be read
        self.expected_file: float | str | None = None
        #: what the output watch saw; None when no rule needs it
        self.lines: Lines | None = None
        #: whether the output watch could not run
        self.lines_unseen = False
        #: that ended the last command; None when it exited
        self.signal: int | None = None
        self.timed_out = False
        #: the time limit that was exceeded
        self.timeout_seconds = 0.0
        #: the signal that `run-job` received
        self.stopped_by: int | None = None
        #: whether `--kill-job` asked for the stop
        self.stopped_by_request = False
        self.guard_died = False
        #: why the command could not be executed, in a sentence
        self.not_started: str | None = None
        #: NOT_EXECUTABLE or NO_COMMAND
        self.not_started_code: int | None = None
        #: whether another try may succeed
        self.not_started_passing = False
        #: whether a limit or a stop came before the command was executed
        self.was_starting = False
        self.stdout_bytes = 0
        self.stderr_bytes = 0
        self.stderr_excerpt = b""
        #: processes left behind that were ended, in words
        self.leftovers: list[str] = []
        #: processes left behind that could not be ended, in words
        self.survivors: list[str] = []
        self.survivor_pids: list[int] = []
        #: whether no log could be written
        self.unlogged = False
        self.log_error: str | None = None
        #: why output is missing from the log, in a sentence
        self.output_cut: str | None = None
        self.log_dropped_bytes = 0
        self.duration_seconds = 0.0
        self.cpu_seconds = 0.0
        #: TREE with a control group, else WAITED_FOR
        self.cpu_of = WAITED_FOR
        #: the peak
        self.memory_bytes = 0
        #: TREE with a control group, else MAX_PROCESS
        self.memory_of = MAX_PROCESS
        #: from disks
        self.read_bytes = 0
        #: to disks
        self.written_bytes = 0
        self.silent = False
        #: the limit for silence that was exceeded
        self.silence_seconds = 0.0
        self.out_of_memory = False
        #: which limits and calendars are not in force, in a sentence
        self.not_in_force: str | None = None

    def is_plain_success(self) -> bool:
        """Return whether this is a success under every policy that `core.verdict.judge` knows.

        The short cut of the run path: judging such an attempt imports nothing. A test compares it with the table.
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


def may_judge_successes(rules: "list[dict[str, Any]]", expect: "dict[str, Any]") -> bool:
    """Return whether a rule or an expectation may also decide about a plain success."""
    return bool(expect and list(expect) != ["success_every"]) or not all(_needs_failure(rule) for rule in rules)


def _needs_failure(rule: "dict[str, Any]") -> bool:
    """Return whether one of the rule's conditions, which must all hold, never holds for a plain success."""
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
    """Return outcome, reason and exit code when `core.verdict` cannot be imported: never better than the real verdict.

    The package may be replaced while a job runs. Whatever is no plain success counts as failed; a test compares this
    with the table.
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


MAX_NOTE = 500


def one_line(note: str) -> str | None:
    """Return a note as it is kept, whoever takes it: one line of at most MAX_NOTE characters; None for an empty one."""
    return " ".join(note.split())[:MAX_NOTE] or None
