"""Whether the trouble of a job of the fleet is over: it has run well since, wherever that was. Pure."""

from collections.abc import Sequence
from datetime import datetime

from process_control.core.causes import OF_RUNS
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.fleet.lock_state import JobState, LockState, PastRun
from process_control.core.incident import Incident

#: The clocks of a host and of the server are taken to be no further apart.
MAX_SKEW_SECONDS = 60.0
_WELL = (SUCCEEDED, WARNED)


def good_run_after(lock: LockState, job: str, run_id: str | None, at: str) -> PastRun | None:
    """Return the last run of a job when it went well, and began after one that has failed; None else.

    `run_id` and `at` (ISO 8601): of the failed one, in the history of its host and by its clock. Which run was first is
    known by the order of the lock, as long as that has both.
    """
    runs = _runs_of(lock, job)
    if not runs or runs[-1].ended.outcome not in _WELL:
        return None
    last = runs[-1]
    if any(each.ended.host_run_id == run_id for each in runs[:-1] if run_id is not None):
        return last
    return last if last.since > datetime.fromisoformat(at).timestamp() + MAX_SKEW_SECONDS else None


def why_over(lock: LockState | None, job: str, incident: Incident) -> str | None:
    """Return why an incident about missed planned times of a job is over, in words; None: it is not.

    `lock`: as it is now; None: the fleet does not have it any more.
    """
    known = None if lock is None else lock.jobs.get(job)
    if lock is None or known is None:
        return "the fleet does not have the job any more"
    if known.spec.disabled:
        return "the job is disabled in the fleet"
    part = incident.parts.get(job)
    cause = incident.cause if part is None or part.cause is None else part.cause  # other jobs may have failed since
    if cause in OF_RUNS and good_run_after(lock, job, incident.run_id, incident.last_at) is None:
        return None
    return _ran_well_since(lock, job, known, _last_missed(incident, job))


def _ran_well_since(lock: LockState, job: str, known: JobState, moment: float) -> str | None:
    """Return that a run has gone well that began after a planned time."""
    runs = _runs_of(lock, job)
    good = next((each for each in reversed(runs) if each.ended.outcome in _WELL and each.since > moment), None)
    if good is not None:
        return run_in_words(good)
    if not runs and (known.last_success or 0.0) > moment:  # the lock has forgotten its runs
        return "it has run well in the fleet since"
    return None


def run_in_words(past: PastRun) -> str:
    """Return `it succeeded on host web2 (run 1m8k02d0de4tqg9b)`."""
    return f"it {past.ended.outcome} on host {past.ended.host} (run {past.ended.host_run_id})"


def _last_missed(incident: Incident, job: str) -> float:
    """Return the last planned time that a job has missed, in UTC seconds."""
    part = incident.parts.get(job)
    slots = part.slots if part is not None and part.slots else (incident.last_at,)
    return datetime.fromisoformat(max(slots)).timestamp()


def _runs_of(lock: LockState, job: str) -> Sequence[PastRun]:
    return [each for each in lock.past if each.start.job == job and each.ended.outcome is not None]
