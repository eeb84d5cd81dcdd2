"""The facts of a run: as the index has them, and as every `--json` answer does.

Generated from core/records.py by `python -m tools.keys`: do not edit.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(slots=True)  # not frozen, nor of keywords only: lists make thousands
class RunFacts:
    """What is known of one run: an attribute for each field of the table that has a key in `--json`."""

    #: its id; later runs have later ids
    run_id: str
    #: its job
    job: str
    #: manual, web, cron, timer, scheduler, job
    trigger: str | None
    #: the planned time (slot); none of a run by hand
    scheduled_at: str | None
    #: from its planned time to the record of its start
    late_seconds: float | None
    #: of that, in seconds: trigger (until its process began), lock, queue and jitter (waiting), gate (the rest)
    late_parts: dict[str, Any] | None
    #: when it began
    started_at: str
    #: when it ended
    ended_at: str | None
    #: succeeded, warned, failed, skipped, lost; null while it runs
    outcome: str | None
    #: why, in a word: exit_code, signal, stderr, timeout, held ...
    reason: str | None
    #: of the command that decided
    exit_code: int | None
    #: that ended it
    signal: str | None
    #: how long it took
    duration_seconds: float | None
    #: why, in a sentence; of output the line that decided
    detail: str | None
    #: the tries; more than one with `retry`
    attempts: list[dict[str, Any]]
    #: printed to stdout
    stdout_bytes: int | None
    #: printed to stderr
    stderr_bytes: int | None
    #: left out of the log, see limits.log_bytes
    log_dropped_bytes: int | None
    #: CPU time
    cpu_seconds: float | None
    #: of which processes: tree, waited_for
    cpu_of: str | None
    #: the peak
    memory_bytes: int | None
    #: of which processes: tree, largest_process
    memory_of: str | None
    #: from disks
    read_bytes: int | None
    #: to disks
    written_bytes: int | None
    #: the path of its log
    log: str | None
    #: whether it was a run of a slow start
    slow_start: bool
    #: who started it
    by: str | None
    #: where
    host: str | None
    #: of the job file: the beginning of its SHA-256
    version: str | None
    #: of all facts: ignore, warn, retry, fail, hold
    verdict: str | None
    #: the rule or fact that decided
    decided_by: dict[str, Any] | None
    #: why the log is incomplete
    log_error: str | None
    #: why the history is incomplete
    record_fault: str | None
    #: why the health could not be updated
    health_fault: str | None
    #: of its runner, while it runs; of the scheduler
    pid: int | None = field(compare=False)


class Row(NamedTuple):
    """The columns of a run in the index. What is JSON there is a text."""

    run_id: str
    job: str
    trigger: str | None
    scheduled_at: str | None
    late_seconds: float | None
    late_parts: str | None
    started_at: str
    ended_at: str | None
    outcome: str | None
    reason: str | None
    exit_code: int | None
    signal: str | None
    duration_seconds: float | None
    detail: str | None
    attempts: str | None
    stdout_bytes: int | None
    stderr_bytes: int | None
    log_dropped_bytes: int | None
    cpu_seconds: float | None
    cpu_of: str | None
    memory_bytes: int | None
    memory_of: str | None
    read_bytes: int | None
    written_bytes: int | None
    log: str | None
    slow_start: int | None
    caught_up: int | None
    by: str | None
    host: str | None
    version: str | None
    verdict: str | None
    decided_by: str | None
    log_error: str | None
    record_fault: str | None
    health_fault: str | None
    pid: int | None
    pid_start: int | None
    boot_id: str | None
    pid_ns: str | None
