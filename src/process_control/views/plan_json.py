"""The comparison of `plan` with the keys of `--json`."""

from typing import Any

from process_control.core.schedule.herds import Herd
from process_control.core.schedule.overlaps import LockOverlap, OwnOverlap
from process_control.core.schedule.plan_change import Peak
from process_control.errors import Fault
from process_control.system.clock import iso
from process_control.system.revision import Revision
from process_control.views.expected import Expected
from process_control.views.plan import JobChange, PlannedChange


def to_json(change: PlannedChange, before: Revision, after: Revision | None) -> dict[str, Any]:
    """Return the answer. `after` is None for the files as they are."""
    new = change.new
    known = set(new)
    return {
        "before": _revision(before),
        "after": _revision(after),
        "from": iso(change.begin),
        "until": iso(change.end),
        "fires_differently": change.fires_differently,
        "jobs": [_job(each) for each in change.jobs],
        "renamed": [{"before": old, "after": new} for old, new in change.renamed],
        "peak": {"before": _peak(change.before.peak), "after": _peak(change.after.peak)},
        "expected": [
            *(_expected(each, "new") for each in new),
            *(_expected(each, "gone") for each in change.gone),
            *(_expected(each, "as before") for each in change.after.expected if each not in known),
        ],
        "unknown_durations": list(change.unknown),
        **({} if change.replays is None else {"replay": [each.to_json() for each in change.replays]}),
    }


def _revision(revision: Revision | None) -> dict[str, str] | None:
    return None if revision is None else {"revision": revision.name, "commit": revision.commit}


def _job(each: JobChange) -> dict[str, Any]:
    slots = each.slots
    return {
        "job": each.job,
        "change": each.change,
        "keys": [{"key": key.key, "before": key.before or None, "after": key.after or None} for key in each.keys],
        "schedule": {"before": each.schedule_before or None, "after": each.schedule_after or None},
        "slots_added": [iso(slot) for slot in slots.added],
        "slots_removed": [iso(slot) for slot in slots.removed],
        "first_difference": None if slots.first is None else iso(slots.first),
        "faults": {"before": _faults(each.faults_before), "after": _faults(each.faults_after)},
    }


def _faults(faults: tuple[Fault, ...]) -> list[dict[str, str | None]]:
    return [{"what": fault.what, "where": fault.where or None, "hint": fault.hint or None} for fault in faults]


def _peak(peak: Peak | None) -> dict[str, Any] | None:
    return None if peak is None else {"at": iso(peak.at), "jobs": peak.jobs}


def _expected(each: Expected, state: str) -> dict[str, Any]:
    found: dict[str, Any] = {"state": state}
    if isinstance(each, OwnOverlap):
        found |= {"kind": "overlap", "jobs": [each.job], "at": iso(each.at), "count": each.count, "lock": None}
        found |= {"usual_seconds": each.seconds, "limit_seconds": each.gap_seconds}
    elif isinstance(each, LockOverlap):
        found |= {"kind": "lock", "jobs": list(each.jobs), "at": iso(each.at), "count": each.count, "lock": each.lock}
        found |= {"usual_seconds": None, "limit_seconds": None}
    elif isinstance(each, Herd):
        found |= {"kind": "herd", "jobs": list(each.jobs), "at": iso(each.at), "count": len(each.jobs), "lock": None}
        found |= {"usual_seconds": None, "limit_seconds": None}
    else:
        found |= {"kind": "timeout", "jobs": [each.job], "at": None, "count": None, "lock": None}
        found |= {"usual_seconds": each.usual_seconds, "limit_seconds": each.timeout_seconds}
    return found
