"""Read and write the file of a job's incident: counts and sent mails. The rules are in core/first_incident.py."""

from contextlib import suppress

from process_control.core import layout
from process_control.core.first_incident import Incident
from process_control.core.job import is_slug
from process_control.system import atomic_file
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

_LARGEST = 1 << 20


def read_incident(state_directory: str, slug: str) -> Incident:
    try:
        with open_plain(layout.incident(state_directory, slug)) as file:
            value = decode(file.read(_LARGEST).decode("utf-8"))
    except (OSError, ValueError):
        return Incident()
    return Incident.from_record(value if isinstance(value, dict) else None)


def write_incident(state_directory: str, slug: str, incident: Incident) -> None:
    """Write the incident. On a full disk a mail may be sent twice later, never omitted."""
    if not is_slug(slug):
        return
    with suppress(OSError):
        atomic_file.make_directory(layout.job(state_directory, slug), 0o750)
        path = layout.incident(state_directory, slug)
        atomic_file.write(path, encode(incident.to_record()).encode("ascii") + b"\n")
