"""What journal and syslog have of an incident, and what JSON has."""

import os
from typing import Any

from process_control.config.settings import Settings
from process_control.core.incident import Incident
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify.announce import announce


def record(
    settings: Settings,
    incident: Incident,
    *,
    at: str,
    change: str,
    detail: str | None,
    by: str | None = None,
    note: str | None = None,
) -> None:
    """Record that an incident was opened, closed, acknowledged … A journal that takes nothing loses only this."""
    entry: dict[str, object] = {
        "event": "incident",
        "at": at,
        "job": incident.jobs[0] if len(incident.jobs) == 1 else None,
        "incident": incident.id,
        "cause": incident.cause.value,
        "jobs": incident.jobs,
        "change": change,
        "detail": detail,
        "host": os.uname().nodename,
    }
    entry |= {"by": by} if by else {}
    entry |= {"note": note} if note else {}
    try:
        journal.append(settings.state_directory, entry)
    except CannotRecord:  # the syslog has it
        pass
    announce(settings, entry)


def incident_json(incident: Incident, *, silenced_until: str | None = None) -> dict[str, Any]:
    """Return an incident as `incidents --json`, webhooks and programs get it."""
    return {
        "id": incident.id,
        "cause": incident.cause.value,
        "state": incident.state.value,
        "jobs": incident.jobs,
        "counts": {slug: part.count for slug, part in sorted(incident.parts.items())},
        "count": incident.count,
        "since": incident.since,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "closed_by": incident.closed_by,
        "reason": incident.reason,
        "sentence": incident.sentence,
        "run_id": incident.run_id,
        "acknowledged": None if incident.acknowledged is None else dict(incident.acknowledged),
        "silenced": silenced_until,
        "told": [
            {name: taken.get(name, "") for name in ("channel", "to", "event", "at", "answer")}
            for taken in incident.taken
        ],
    }
