"""Settle a planned time by hand: it needs no run any more. The mark is recorded in journal and syslog."""

import time

from process_control.actions.rights import Actor
from process_control.core.facts import LOST
from process_control.core.schedule.slots import MISSED, RAN, SKIPPED, Slot
from process_control.errors import ProcessControlError
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.notify.host_events import by_hand, has_incident
from process_control.system.clock import iso

#: Reasons of skips that the job file did not ask for.
UNPLANNED = ("too_late", "overlap")


def refuse_unless_open(slot: Slot) -> None:
    """Raise ProcessControlError (1) with its fate for a slot that is not missed, lost or skipped for such a reason."""
    if slot.fate == MISSED or (slot.fate == SKIPPED and slot.reason in UNPLANNED):
        return
    if slot.fate == RAN and slot.run is not None and slot.run.outcome == LOST:
        return
    raise ProcessControlError(
        f"not marked: the planned time {iso(slot.slot)} {_fate_in_words(slot)}",
        where=slot.job,
        hint="mark takes planned times that were missed, lost, or skipped as too_late or overlap",
    )


def mark(actor: Actor, slot: Slot, *, note: str) -> dict[str, object]:
    """Record that the slot is settled; return the record. Raises ProcessControlError (1), CannotRecord (74)."""
    refuse_unless_open(slot)
    record: dict[str, object] = {
        "event": "mark",
        "at": iso(time.time()),
        "job": slot.job,
        "scheduled_at": iso(slot.slot),
        "by": actor.by,
        "host": actor.host,
        "note": note,
    }
    journal.append(actor.settings.state_directory, record)
    announce(actor.settings, record)
    if has_incident(actor.settings, slot.job):
        events = by_hand(actor.settings, by=actor.by)
        events.settled(slot.job, [slot.slot])
        events.deliver()
    return record


def _fate_in_words(slot: Slot) -> str:
    if slot.fate == RAN and slot.run is not None:
        return f"ran: run {slot.run.run_id} {slot.run.outcome or 'is in progress'}"
    if slot.fate == SKIPPED:
        return f"was skipped: {slot.reason}" + (f" ({slot.detail})" if slot.detail else "")
    return "is still due"
