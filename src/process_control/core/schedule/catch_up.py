"""Which missed planned times get a run after all, as the key `catch_up` says. Pure.

After a run for a missed time that did not go well, and after a hold, what was missed before is left to people.
"""

import json
from collections.abc import Mapping, Sequence

from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.schedule.slots import DUE, MISSED, RAN, Slot

LATEST, ALL = "latest", "all"
#: A planned time that comes so soon makes a run for an earlier one needless, where one run is enough.
SOON_SECONDS = 60.0


def to_catch_up(
    slots: Sequence[Slot],
    *,
    which: str,
    within: float,
    start_within: float,
    now: float,
    next_slot: float | None = None,
    ended_at: float | None = None,
) -> list[int]:
    """Return the planned times (UTC seconds) that get a run, in their order.

    `slots` are those of one job, rising; `ended_at`: when the job was put on hold last, or such a run was
    refused.
    """
    ends = [began for slot in slots if (began := _failed_at(slot, start_within)) is not None]
    begin = max([now - within, *ends, *([] if ended_at is None else [ended_at])])
    missed = [slot.slot for slot in slots if slot.fate == MISSED and slot.slot >= begin]
    if which == ALL or not missed:
        return missed if which == ALL else []
    is_later_started = any(slot.slot > missed[-1] and slot.fate in (RAN, DUE) for slot in slots)
    is_one_coming = next_slot is not None and next_slot - now <= SOON_SECONDS
    return [] if which != LATEST or is_later_started or is_one_coming else missed[-1:]


def _failed_at(slot: Slot, start_within: float) -> float | None:
    """Return when the run that made up for this planned time began, if it did not go well; None else."""
    run = slot.run
    if slot.fate != RAN or run is None or run.outcome in (SUCCEEDED, WARNED, None):
        return None
    late = _trigger_seconds(run.late_parts)
    return slot.slot + late if late > start_within else None


def _trigger_seconds(late_parts: str | Mapping[str, float] | None) -> float:
    """Return how long after its planned time the process of a run began; 0 when that is not known."""
    parts = json.loads(late_parts) if isinstance(late_parts, str) else late_parts or {}
    return float(parts.get("trigger") or 0)
