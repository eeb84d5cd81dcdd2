"""The totals of the metrics, on disk: what is counted once outlives the history that it was counted from."""

import json
import posix
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from process_control.core import layout
from process_control.core.tally import RunTally, RunTotals, SlotTotals, counts_from_record, counts_to_record
from process_control.errors import ProcessControlError
from process_control.system import atomic_file
from process_control.system.lock import take
from process_control.system.plain_file import open_plain

#: The lock of who changes them. Its dot keeps it apart from locks of jobs.
LOCK = "metrics.totals"
MAX_BYTES = 256 << 20
VERSION = 1
_POLL_SECONDS = 0.1
_ODD = (OSError, ValueError, LookupError, TypeError, AttributeError)


@contextmanager
def may_change(run_directory: str, *, seconds: float = 0.0) -> Iterator[bool]:
    """Yield whether we may change the totals: not while somebody else does (at most `seconds`), nor without the right.

    Read them below this.
    """
    until = time.monotonic() + seconds
    lock = None
    with suppress(ProcessControlError):
        while (lock := take(run_directory, LOCK)) is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            posix.close(lock)


def read_run_totals(state_directory: str) -> RunTotals | None:
    """Return the counts of runs; None when there are none yet, or they cannot be read."""
    try:
        record = _read(layout.run_totals(state_directory))
        jobs = {str(job): RunTally.from_record(each) for job, each in record["jobs"].items()}
        return RunTotals(days=frozenset(map(str, record["days"])), jobs=jobs)
    except _ODD:
        return None


def write_run_totals(state_directory: str, totals: RunTotals) -> None:
    """Replace the counts of runs, durably. Raises OSError."""
    jobs = {job: tally.to_record() for job, tally in totals.jobs.items()}
    _write(layout.run_totals(state_directory), {"days": sorted(totals.days), "jobs": jobs})


def read_slot_totals(state_directory: str) -> SlotTotals | None:
    """Return the counts of planned times; None when there are none yet, or they cannot be read."""
    try:
        record = _read(layout.slot_totals(state_directory))
        return SlotTotals(
            until=float(record["until"]),
            waiting={str(job): float(until) for job, until in record["waiting"].items()},
            jobs={str(job): counts_from_record(counts) for job, counts in record["jobs"].items()},
        )
    except _ODD:
        return None


def write_slot_totals(state_directory: str, totals: SlotTotals) -> None:
    """Replace the counts of planned times, durably. Raises OSError."""
    jobs = {job: counts_to_record(counts) for job, counts in totals.jobs.items()}
    record = {"until": totals.until, "waiting": totals.waiting, "jobs": jobs}
    _write(layout.slot_totals(state_directory), record)


def _read(path: str) -> Any:
    with open_plain(path) as file:
        record = json.loads(file.read(MAX_BYTES))
    if record["version"] != VERSION:
        raise ValueError("the totals of another version")
    return record


def _write(path: str, record: Mapping[str, object]) -> None:
    atomic_file.write(path, json.dumps({"version": VERSION, **record}).encode("ascii"))
