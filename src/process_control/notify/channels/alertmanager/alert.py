"""An incident as an alert of Alertmanager's API v2. Pure.

Alertmanager knows an alert by its labels: they are the same from the opening to the closing, though jobs join and a
missed job may fail later. What changes is in the annotations.
"""

from datetime import UTC, datetime
from typing import Any

from process_control.core.incident import Incident

#: Until when an open alert counts without being sent again: watch looks each minute.
MARGIN_SECONDS = 300.0


def alert_of(incident: Incident, *, host: str) -> dict[str, Any]:
    """Return the alert without its end."""
    labels = {
        "alertname": "ProcessControlIncident",
        "incident": incident.id,
        "cause" if incident.cause.is_host_wide else "job": incident.id.partition("~")[0],
        "host": host,
    }
    jobs = ", ".join(incident.jobs)
    alert = {
        "labels": labels,
        "annotations": {
            "summary": f"{host}: {jobs}{': ' if jobs else ''}{incident.sentence or incident.reason or incident.cause}",
            "description": _description(incident),
            "cause": str(incident.cause),
        },
        "startsAt": incident.opened_at or incident.since,
    }
    if incident.closed_at is not None:
        alert["endsAt"] = incident.closed_at
    return alert


def with_end(alert: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Return the alert with the end of the time for which it counts; one that is resolved has it already."""
    until = datetime.fromtimestamp(now + MARGIN_SECONDS, UTC)
    return {"endsAt": f"{until:%Y-%m-%dT%H:%M:%S}.000Z", **alert}


def _description(incident: Incident) -> str:
    if incident.closed_at is not None:
        return f"closed: {incident.closed_by}"
    times = f"{incident.count} times since {incident.since}" if incident.count > 1 else f"since {incident.since}"
    return f"{incident.cause}, {times}" + (f", {incident.reason}" if incident.reason else "")
