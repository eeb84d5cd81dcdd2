"""The planned times of a job of the fleet: those that are due, and those that come. Pure."""

from process_control.core.fleet.lock_state import JobSpec, PlannedSlots
from process_control.core.fleet.membership import ALL
from process_control.core.schedule.plan import Plan

#: How many planned times are known in advance.
SLOTS_AHEAD = 20
#: All jobs of a lock together; each knows so many at least.
SLOTS_AHEAD_OF_LOCK = 400
MIN_SLOTS_AHEAD = 4
#: How far ahead planned times are looked for at most.
_YEARS_AHEAD = 5 * 366 * 86400


def slots_ahead(jobs: int) -> int:
    """Return how many planned times each of so many jobs of a lock knows in advance."""
    return max(MIN_SLOTS_AHEAD, min(SLOTS_AHEAD, SLOTS_AHEAD_OF_LOCK // jobs))


def due_slots(
    spec: JobSpec, planned: PlannedSlots, now: float, ahead: int = SLOTS_AHEAD
) -> tuple[list[int], PlannedSlots]:
    """Return the planned times up to `now` that were not dealt with, and what is planned from then on."""
    if not spec.schedule or spec.queue == ALL:
        return [], planned
    until = max(planned.planned_to, int(now))
    plan = plan_of(spec)
    due = [slot for slot in planned.slots if slot <= until]
    coming = planned.slots[len(due) :]
    if coming:
        return due, PlannedSlots(planned_to=until, slots=coming) if due else planned
    known_to = planned.slots[-1] if planned.slots else planned.planned_to
    due += plan.slots(known_to, until)
    return due, PlannedSlots(planned_to=until, slots=_next_slots(plan, until, ahead))


def _next_slots(plan: Plan, after: int, ahead: int) -> tuple[int, ...]:
    """Return the next planned times: those of the window in which there are enough of them."""
    seconds = 3600
    found: tuple[int, ...] = ()
    while len(found) < ahead and seconds < _YEARS_AHEAD:
        found = plan.slots(after, after + seconds)
        seconds *= 8
    if not found and (rare := plan.next_slot(after)) is not None:
        return (rare,)
    return found[:ahead]


def plan_of(spec: JobSpec) -> Plan:
    """Return what a job plans."""
    return Plan(schedule=tuple(spec.schedule), time_zone=spec.time_zone, exclude=tuple(spec.exclude))
