"""Compute a health from records: after one run's end, or from the whole journal.

The rules are in `core/health.py`.
"""

from dataclasses import replace
from typing import Any

from process_control.core.facts import CRON, FLEET, SCHEDULER, TIMER
from process_control.core.health import NO_POLICY, Cause, Health, Policy, State
from process_control.core.health_events import event_of
from process_control.core.health_table import next_health
from process_control.core.why import quotes
from process_control.history.journal_reader import records
from process_control.state.health_file import CHANGE

SCHEDULED_TRIGGERS = (CRON, TIMER, SCHEDULER)
Record = dict[str, object]


def cause_of(end: Record) -> Cause:
    """Return the run as the cause of a change of health."""
    why = end.get("detail") or end.get("reason")
    return Cause(
        at=str(end["at"]),
        why=None if why is None else str(why),
        run_id=str(end["run_id"]),
        counts=end.get("trigger") in SCHEDULED_TRIGGERS,
        slow=bool(end.get("slow_start")),
        evidence=_evidence(end),
    )


def health_after(old: Record | None, end: Record, *, policy: Policy = NO_POLICY) -> Record | None:
    """Return the health record after the run with this end; None when it is unchanged.

    A run that was counted changes nothing: after a kill during its end it is counted again.
    """
    event = None if end.get("trigger") == FLEET else event_of(end)  # its health is that of the whole fleet
    run_id = str(end["run_id"])
    health = Health.from_record(old)
    if event is None or health.last_run == run_id:
        return None
    new = next_health(health, event, cause=cause_of(end), policy=policy)
    if old is not None and new == health:
        return None
    return replace(new, last_run=run_id).to_record()


def rebuild_health(state_directory: str, slug: str, policy: Policy = NO_POLICY) -> Record:
    """Return the health according to the journal.

    Records of health changes have the whole health; ends of runs after the last of them are counted.
    """
    health: Record = Health().to_record()
    version = change = None
    for record in records(state_directory, needle=f'"job":"{slug}"'.encode("ascii")):
        if record.get("job") != slug:
            continue
        if isinstance(recorded := record.get("health"), dict) and _is_sound(recorded):
            health, change = recorded, recorded.get(CHANGE)
        elif record.get("event") == "end":
            health = health_after(health, record, policy=policy) or health
        elif record.get("event") == "start":
            version = record.get("version") or version
    if version is not None and "seen" not in health:
        health = {**health, "seen": {"file": version}}
    return {**health, CHANGE: change} if change is not None else health


def _is_sound(recorded: dict[str, Any]) -> bool:
    try:
        return Health.from_record(recorded).state in State
    except ValueError:
        return False


def _evidence(end: Record) -> str | None:
    """Return in words which rule and line of output decided; without the line when the detail has it."""
    decided_by = end.get("decided_by")
    if not isinstance(decided_by, dict):
        return None if decided_by is None else str(decided_by)
    rule, line = decided_by.get("rule"), decided_by.get("line")
    words = f"rule {rule}" if rule else ""
    words += f" ({decided_by['condition']})" if decided_by.get("condition") else ""
    if line is not None and not quotes(str(end.get("detail")), decided_by):
        stream, number = decided_by.get("stream") or "output", decided_by.get("line_number")
        words += f"{', ' if words else ''}{stream}{f' line {number}' if number else ''}: {line}"
    return words.strip() or None
