"""An incident as JSON: for `incidents --json`, webhooks and programs."""

from collections.abc import Mapping
from typing import Any

from process_control.core.incident import Incident

#: What is shown of each message that somebody took.
TAKEN = ("channel", "to", "event", "at", "answer")


def incident_json(incident: Incident, *, silenced_until: str | None = None) -> dict[str, Any]:
    """Return the incident with the keys of `incidents --json`."""
    return {
        "id": incident.id,
        "cause": str(incident.cause),
        "state": str(incident.state),
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
        "acknowledged": dict(incident.acknowledged) if incident.acknowledged else None,
        "silenced": silenced_until,
        "told": [_message(taken) for taken in incident.taken],
    }


def _message(taken: Mapping[str, str]) -> dict[str, str | None]:
    return {key: taken.get(key) for key in TAKEN} | {"to": taken.get("shown") or taken.get("to")}
