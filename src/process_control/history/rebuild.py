"""Health from what happened: after one run's end, or built again from the whole journal.

The rules are in `core/health.py`; here they meet the records on the disk.
"""

from process_control.core.health import Cause, Event, Health, next_health
from process_control.core.run import CRON, FLEET, LOST, SCHEDULER, TIMER, WARNED
from process_control.history.events import records

SCHEDULED_TRIGGERS = (CRON, TIMER, SCHEDULER, FLEET)
_EVENTS = {"succeeded": Event.SUCCEEDED, WARNED: Event.WARNED, "failed": Event.FAILED, LOST: Event.LOST}


def health_after(old: dict[str, object] | None, end: dict[str, object], *, counts: bool) -> dict[str, object] | None:
    """Return the health record after the run that `end` tells of; None when it stays as it is.

    A run that was stopped, or never started for an overlap, says nothing of the job's health.
    """
    event = _EVENTS.get(str(end.get("outcome")))
    if event is None or end.get("reason") in ("stopped", "overlap"):
        return None
    if end.get("verdict") == "hold":
        event = Event.FAILED_UNRECOVERABLY
    health = Health.from_record(old)
    why = end.get("detail") or end.get("reason")
    cause = Cause(
        at=str(end["at"]),
        by=None,
        why=None if why is None else str(why),
        run_id=str(end["run_id"]),
        counts=counts,
    )
    new = next_health(health, event, cause=cause)
    return None if old is not None and new == health else new.to_record()


def rebuild_health(state_directory: str, slug: str) -> dict[str, object]:
    """Return the health that the journal tells of: all ends of the job in their order."""
    health: dict[str, object] = Health().to_record()
    for record in records(state_directory, needle=f'"job":"{slug}"'.encode("ascii")):
        if record.get("event") == "end" and record.get("job") == slug:
            counts = record.get("trigger") in SCHEDULED_TRIGGERS
            health = health_after(health, record, counts=counts) or health
    return health
