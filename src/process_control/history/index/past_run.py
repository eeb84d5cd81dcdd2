"""A run as the history tells it, made of a row of the index or of a job's block."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

from process_control.core.why import why_for_people

COLUMNS = """run_id, job, at, outcome, duration_seconds, ended_at, trigger, scheduled_at, reason, detail, exit_code,
             signal, attempts, stdout_bytes, stderr_bytes, log_dropped_bytes, cpu_seconds, memory_bytes, log,
             slow_start, by, host, version, verdict, decided_by, pid, pid_start, boot_id, pid_ns, read_bytes,
             written_bytes, cpu_of, memory_of, log_error, record_fault, health_fault"""
COLUMN_NAMES = COLUMNS.replace(",", " ").split()


@dataclass(slots=True, kw_only=True)  # not frozen: lists make thousands, and that takes four times as long
class Run:
    """One run as the history tells it. `outcome` None: it goes on. Times are ISO 8601 UTC texts.

    `cpu_of` and `memory_of` say of what these two are: see `core.run.Facts`; None in records older than these words.
    `log_error`, `record_fault` and `health_fault` are sentences: what of it could not be written.
    """

    run_id: str
    job: str
    trigger: str | None
    scheduled_at: str | None
    started_at: str
    ended_at: str | None
    outcome: str | None
    reason: str | None
    exit_code: int | None
    signal: str | None
    duration_seconds: float | None
    detail: str | None
    attempts: list[dict[str, Any]]
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
    slow_start: bool
    by: str | None
    host: str | None
    version: str | None
    verdict: str | None
    decided_by: dict[str, Any] | None
    log_error: str | None = None
    record_fault: str | None = None
    health_fault: str | None = None
    pid: int | None = field(default=None, compare=False)

    @property
    def why(self) -> str:
        """Why it ended so, for people: of output that decided, the line itself; nothing when there is no reason."""
        return why_for_people(self.reason, self.detail, self.decided_by)

    @property
    def faults(self) -> list[str]:
        """What could not be written of it, in words."""
        return [fault for fault in (self.log_error, self.record_fault, self.health_fault) if fault]

    def to_json(self) -> dict[str, Any]:
        """Return the run with the keys of every `--json` answer."""
        return {column.name: getattr(self, column.name) for column in fields(self)}


def _attempts(text: str | None) -> list[dict[str, Any]]:
    return [each for each in json.loads(text) if isinstance(each, dict)] if text else []


def run_of_row(row: tuple[Any, ...]) -> Run:
    """Return the run of a row with the columns COLUMNS."""
    return Run(
        run_id=row[0], job=row[1], started_at=row[2], outcome=row[3], duration_seconds=row[4], ended_at=row[5],
        trigger=row[6], scheduled_at=row[7], reason=row[8], detail=row[9], exit_code=row[10], signal=row[11],
        attempts=_attempts(row[12]), stdout_bytes=row[13], stderr_bytes=row[14],
        log_dropped_bytes=row[15], cpu_seconds=row[16], memory_bytes=row[17], log=row[18], slow_start=bool(row[19]),
        by=row[20], host=row[21], version=row[22], verdict=row[23],
        decided_by=json.loads(row[24]) if row[24] else None, pid=row[25], read_bytes=row[29], written_bytes=row[30],
        cpu_of=row[31], memory_of=row[32], log_error=row[33], record_fault=row[34], health_fault=row[35],
    )  # fmt: skip


def run_of_block(block: dict[str, Any]) -> Run:
    """Return the run that goes on by its block: for one whose start could not be written to the journal."""
    known: dict[str, Any] = {column.name: block.get(column.name) for column in fields(Run)}
    known |= {"started_at": str(known["started_at"]), "slow_start": bool(known["slow_start"])}
    return Run(**known | {"outcome": None, "attempts": known["attempts"] or []})
