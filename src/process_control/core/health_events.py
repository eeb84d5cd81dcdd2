"""What the end of a run means for the health of its job. Pure."""

from collections.abc import Mapping

from process_control.core.facts import LOST, WARNED
from process_control.core.health import Event

#: The verdict (key `verdict` of the end) for a failure that no further run can fix.
UNRECOVERABLE = "hold"
_SAY_NOTHING = ("stopped", "overlap", "condition")
_EVENTS = {"succeeded": Event.SUCCEEDED, WARNED: Event.WARNED, "failed": Event.FAILED, LOST: Event.LOST}


def event_of(end: Mapping[str, object]) -> Event | None:
    """Return what a run's end means for health; None when it says nothing: stopped, or never started."""
    event = _EVENTS.get(str(end.get("outcome")))
    if event is None or end.get("reason") in _SAY_NOTHING:
        return None
    if event is Event.FAILED and end.get("verdict") == UNRECOVERABLE:
        return Event.FAILED_UNRECOVERABLY
    return event
