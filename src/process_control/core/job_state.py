"""The state of a job in one word, for lists, worst first. Pure.

Trouble wins over activity: a failing job that is running counts as failing until that run succeeds.
"""

from process_control.core.facts import FAILED, LOST, SUCCEEDED, WARNED
from process_control.core.health import State

INVALID, HELD, FAILING, STOPPED, LATE = "invalid", "held", "failing", "stopped", "late"
SLOW_START, RUNNING, NEVER_RAN, OK, DISABLED = "slow start", "running", "never ran", "ok", "disabled"

WORST_FIRST = (FAILING, INVALID, LATE, HELD, WARNED, STOPPED, SLOW_START, RUNNING, NEVER_RAN, OK, DISABLED)
NEEDS_ATTENTION = (FAILING, INVALID, LATE, HELD)
#: Reasons of failed runs that are not the job's fault: somebody ended it, or it never started.
NOT_ITS_FAULT = ("stopped", "overlap")


def state_of(
    *,
    is_valid: bool,
    is_disabled: bool,
    is_running: bool,
    health: State,
    last_outcome: str | None,
    last_reason: str | None,
    is_late: bool = False,
) -> str:
    """Return the state. `last_outcome` is that of the last run that ended and was not skipped; None: there is none.

    `is_late`: the last planned time got neither a run nor a skip.
    """
    if not is_valid:
        return INVALID
    if health is State.HELD:
        return HELD
    if is_disabled:
        return RUNNING if is_running else DISABLED
    failed = last_outcome in (FAILED, LOST) and last_reason not in NOT_ITS_FAULT
    if failed or health is State.FAILING:
        return FAILING
    if is_running:
        return RUNNING
    if is_late:
        return LATE
    if health is State.SLOW_START:
        return SLOW_START
    if last_outcome in (FAILED, LOST):
        return STOPPED
    if last_outcome is None:
        return NEVER_RAN
    return OK if last_outcome == SUCCEEDED else WARNED  # an unknown word, of an edited record, is no success
