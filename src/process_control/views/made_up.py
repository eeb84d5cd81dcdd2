"""Find runs that made up for planned times: started later than any trigger would start them.

`recover` and `catch_up` may run only the newest of several missed planned times; the older ones stay missed, and are
shown with the run that replaced them.
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
    #: How long after the planned time its process began, in seconds.
    trigger_seconds: float


def made_up_since(index: Index, job: str, since: str) -> list[MadeUp]:
    """Return runs of a job for planned times since `since` (ISO 8601) that may have made up for them, by slot."""
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
    """Return the first run for a later planned time that was later than a usual start; None if there is none."""
    later = runs[bisect_right(runs, slot, key=lambda run: run.slot) :]
    return next((run for run in later if run.trigger_seconds > start_within), None)


def trigger_seconds(late_parts: str | Mapping[str, float] | None) -> float:
    """Return how long after its planned time the process of a run began; 0 when unknown."""
    parts = json.loads(late_parts) if isinstance(late_parts, str) else late_parts or {}
    return float(parts.get("trigger") or 0)
