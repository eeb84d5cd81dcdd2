"""Builders of what runs leave behind: journal lines, blocks, health records and logs, without running anything."""

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from process_control.core import layout
from process_control.core.run_id import run_id
from process_control.system import proc

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class State:
    """A state directory and the directory of logs, with what runs would have written there."""

    def __init__(self, directory: Path, *, logs: Path | None = None) -> None:
        self.directory = directory
        self.logs = logs or directory / "log"
        self.journal = directory / "journal"
        self.journal.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._count = 0

    def __str__(self) -> str:
        return str(self.directory)

    def new_id(self, moment: datetime) -> str:
        self._count += 1
        return run_id(moment.timestamp(), self._count.to_bytes(5, "big"))

    def write(self, record: dict[str, Any] | bytes, *, day: str | None = None) -> None:
        """Append one line to the journal, as the journal does: a newline first."""
        text = record if isinstance(record, bytes) else json.dumps(record).encode("ascii")
        name = day or (record["at"][:10] if isinstance(record, dict) else f"{NOON:%Y-%m-%d}")
        with open(self.journal / f"{name}.jsonl", "ab") as file:
            file.write(b"\n" + text)

    def start(self, job: str, at: datetime = NOON, *, alive: bool = False, **other: Any) -> dict[str, Any]:
        """Record a start; `alive` makes this very process the runner, else it is one that is gone."""
        pid = os.getpid()
        start = {
            "event": "start", "at": iso(at), "run_id": self.new_id(at), "job": job, "trigger": "cron",
            "scheduled_at": iso(at.replace(second=0, microsecond=0)), "by": "svc", "host": "db1",
            "pid": pid, "pid_start": proc.start_time(pid) if alive else 1, "boot_id": proc.boot_id(),
            "pid_ns": proc.pid_namespace(), "log": None, "version": "0123456789ab", "slow_start": False, "lock": job,
        }  # fmt: skip
        start.update(other)
        self.write(start)
        return start

    def end_of(
        self, start: dict[str, Any], *, seconds: float = 1.5, outcome: str = "succeeded", **other: Any
    ) -> dict[str, Any]:
        """Return the end record of a start, unwritten."""
        began = datetime.fromisoformat(start["at"])
        ended = began + timedelta(seconds=seconds)
        facts = {"reason": None, "exit_code": 0, "signal": None}
        facts.update({name: other[name] for name in facts if name in other})
        attempt = {"attempt": 1, "started_at": start["at"], "duration_seconds": seconds, "outcome": outcome, **facts}
        end = {
            "event": "end", "at": iso(ended), "run_id": start["run_id"], "job": start["job"],
            "trigger": start["trigger"], "scheduled_at": start["scheduled_at"], "started_at": start["at"],
            "outcome": outcome, **facts, "duration_seconds": seconds, "detail": None, "attempts": [attempt],
            "stdout_bytes": 0, "stderr_bytes": 0, "log_dropped_bytes": 0, "cpu_seconds": 0.25, "memory_bytes": 4096000,
            "read_bytes": 8192, "written_bytes": 512, "cpu_of": "tree", "memory_of": "largest_process",
            "log": start["log"], "slow_start": start["slow_start"], "by": start["by"], "host": start["host"],
            "version": start["version"],
        }  # fmt: skip
        end.update(other)
        return end

    def run(self, job: str, at: datetime = NOON, **how: Any) -> str:
        """Record a run from start to end; return its id. Keywords are those of the end record."""
        seconds = how.pop("seconds", 1.5)
        first = {name: how[name] for name in ("trigger", "scheduled_at", "log", "by") if name in how}
        start = self.start(job, at, **first)
        self.write(self.end_of(start, seconds=seconds, **how))
        return str(start["run_id"])

    def failure(self, job: str, at: datetime = NOON, *, exit_code: int = 3, **how: Any) -> str:
        how.setdefault("detail", f"exited with {exit_code}")
        return self.run(job, at, outcome="failed", reason="exit_code", exit_code=exit_code, **how)

    def skip(self, job: str, at: datetime = NOON, *, reason: str = "overlap", detail: str | None = None) -> str:
        identity = self.new_id(at)
        self.write({
            "event": "skip", "at": iso(at), "run_id": identity, "job": job, "trigger": "cron",
            "scheduled_at": iso(at), "outcome": "skipped", "reason": reason, "detail": detail, "by": "svc",
            "host": "db1",
        })  # fmt: skip
        return identity

    def block(self, start: dict[str, Any], *, slot: int | None = None, **other: Any) -> None:
        """Write the block of a job as its runner does."""
        names = ("run_id", "job", "lock", "pid", "pid_start", "boot_id", "pid_ns", "trigger", "scheduled_at", "log")
        block = {name: start[name] for name in names} | {"started_at": start["at"], "guard_pid": 1, "end": None}
        block |= {"kill_grace_seconds": 10, "journaled": False, "left": False, **other}
        directory = Path(layout.job(str(self.directory), start["job"]))
        directory.mkdir(parents=True, exist_ok=True)
        first = b"" if slot is None else f"slot {slot}\n".encode("ascii")
        (directory / "block").write_bytes(first.ljust(512) + json.dumps(block).encode("ascii").ljust(4096 - 512))

    def health(self, job: str, state: str, **other: Any) -> None:
        directory = Path(layout.job(str(self.directory), job))
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "health.json").write_text(json.dumps({"state": state, **other}))

    def log(self, job: str, *chunks: tuple[float, str, bytes], at: datetime = NOON, name: str = "0") -> str:
        """Write a log and its index from (seconds since start, o|e, bytes); `x` with a count drops bytes."""
        directory = self.logs / job
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{job}-{at:%Y%m%d-%H%M%S}-{name}.log"
        lines, content = [], b""
        for seconds, stream, data in chunks:
            length = int(data) if stream == "x" else len(data)
            lines.append(f"{round(seconds * 1e6)} {stream} {length}\n")
            content += b"" if stream == "x" else data
        path.write_bytes(content)
        Path(f"{path}.idx").write_text("".join(lines))
        return str(path)

    def compress(self, day: str) -> None:
        """Compress a day of the journal, as the retention does."""
        plain = self.journal / f"{day}.jsonl"
        (self.journal / f"{day}.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
