"""Runs that made up for planned times: started, for a planned time of theirs, later than any trigger would.

`recover` and `catch_up` may run the newest of some missed planned times; the older ones stay missed, and show which one
was run instead.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from process_control.history.index.index import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """A run for a planned time (`slot`, UTC seconds). Times are ISO 8601."""

    slot: int
    scheduled_at: str
    started_at: str
    run_id: str
    #: how long after the planned time its process began, in seconds
    trigger_seconds: float


def made_up_since(index: Index, job: str, since: str) -> list[MadeUp]:
    """Return the runs of a job that may have made up for planned times from `since` on, by their planned times."""
    return [
        MadeUp(
            slot=int(datetime.fromisoformat(at).timestamp()),
            scheduled_at=at,
            started_at=started_at,
            run_id=run_id,
            trigger_seconds=trigger_seconds(late_parts),
        )
        for at, run_id, started_at, late_parts in index.ledger.late_runs(job, since)
    ]


def instead_of(slot: int, start_within: float, runs: Sequence[MadeUp]) -> MadeUp | None:
    """Return the first run for a later planned time that came too late to be a usual start."""
    later = runs[bisect_right(runs, slot, key=lambda run: run.slot) :]
    return next((run for run in later if run.trigger_seconds > start_within), None)


def trigger_seconds(late_parts: str | Mapping[str, float] | None) -> float:
    """Return how long after its planned time the process of a run began; 0 when that is not known."""
    parts = json.loads(late_parts) if isinstance(late_parts, str) else late_parts or {}
    return float(parts.get("trigger") or 0)
