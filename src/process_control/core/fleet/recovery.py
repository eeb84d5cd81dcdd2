"""Whether a job of the fleet has run well after it failed on a host, wherever that was. Pure."""

from datetime import datetime

from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.fleet.lock_state import LockState, PastRun

#: The clocks of a host and of the server are taken to be no further apart.
MAX_SKEW_SECONDS = 60.0


def good_run_after(lock: LockState, job: str, run_id: str | None, at: str) -> PastRun | None:
    """Return the last run of a job when it went well, and began after one that has failed; None else.

    `run_id` and `at` (ISO 8601): of the failed one, in the history of its host and by its clock. Which run was first is
    known by the order of the lock, as long as that has both.
    """
    runs = [each for each in lock.past if each.start.job == job and each.ended.outcome is not None]
    if not runs or runs[-1].ended.outcome not in (SUCCEEDED, WARNED):
        return None
    last = runs[-1]
    if any(each.ended.host_run_id == run_id for each in runs[:-1] if run_id is not None):
        return last
    return last if last.since > datetime.fromisoformat(at).timestamp() + MAX_SKEW_SECONDS else None
