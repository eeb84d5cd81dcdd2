"""Acknowledge an incident: somebody knows of it, and no reminder is sent until it changes."""

import time

from process_control.actions.rights import Actor
from process_control.core import layout
from process_control.core.incident import Event, Happening, Incident, State, next_incident
from process_control.errors import CannotRecord, ProcessControlError
from process_control.notify.incident_record import record
from process_control.state.incident_store import Store, changing
from process_control.system.clock import iso


def incident_to_acknowledge(store: Store, id: str) -> Incident:  # noqa: A002
    """Return the incident of an id. Raises ProcessControlError (1) when there is none, or it is over."""
    incident = store.read(id)
    if incident is None or incident.state is State.COUNTING:
        raise ProcessControlError("no such incident", where=id, hint="all of them: process-control incidents")
    if incident.is_over:
        raise ProcessControlError(f"it is over since {incident.closed_at}: {incident.closed_by}", where=id)
    return incident


def acknowledge(actor: Actor, id: str, *, note: str | None) -> Incident:  # noqa: A002
    """Note that the actor knows of an incident; return it. Raises ProcessControlError (1), CannotRecord (74)."""
    store = Store(actor.settings.state_directory)
    with changing(actor.settings.run_directory):
        incident = incident_to_acknowledge(store, id)
        at = iso(time.time())
        happening = Happening(event=Event.ACKNOWLEDGED, key=f"{at}.ack", at=at, by=actor.by, note=note)
        known = next_incident(incident, happening)
        store.write(known)
        if store.read(id) != known:
            path = layout.open_incident(actor.settings.state_directory, id)
            raise CannotRecord("the incident cannot be written", where=path)
    record(actor.settings, known, at=at, change="acknowledged", detail=incident.sentence, by=actor.by, note=note)
    return known
