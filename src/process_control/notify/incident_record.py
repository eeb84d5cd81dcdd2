"""What journal and syslog have of an incident."""

import os

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
