"""Jobs without a success for longer than `expect: {success_every}` allows."""

from datetime import datetime

from process_control.config.settings import Settings
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.freshness import stale_in_words
from process_control.core.job import Job
from process_control.core.schedule.version import GONE
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.state.job_versions import newest_version, since_of


def stale_job(job: Job, last: Run | None, index: Index, settings: Settings, *, now: float) -> str | None:
    """Return that the job is stale, in words; None while it is not. A disabled job never is, a held one may be.

    Nor is one of the fleet, of whose runs this host knows its own only: see `core/fleet/job_status.py`.
    `last`: its last run that ended and was not skipped.
    """
    success_every = job.expect.get("success_every")
    if success_every is None or job.disabled or belongs_to_fleet(job.run_on, settings.fleet_address):
        return None
    success = _last_success(job.slug, last, index)
    since = _first_seen(job, index, settings) if success is None else 0.0
    return stale_in_words(now=now, success_every=success_every, last_success=success, since=since)


def last_good_moment(job: Job, last: Run | None, index: Index, settings: Settings) -> float:
    """Return when the last run that went well ended, or since when there is such a job, in UTC seconds."""
    success = _last_success(job.slug, last, index)
    return _first_seen(job, index, settings) if success is None else success


def _last_success(slug: str, last: Run | None, index: Index) -> float | None:
    """Return when the last run that went well ended, in UTC seconds."""
    if last is None:
        return None
    if last.outcome not in (SUCCEEDED, WARNED):
        last = next(iter(index.runs(jobs=[slug], outcomes=(SUCCEEDED, WARNED), limit=1)), None)
    return None if last is None else _seconds(last.ended_at or last.started_at)


def _first_seen(job: Job, index: Index, settings: Settings) -> float:
    """Return since when there is such a job: its first recorded version since its file was gone last, if it was."""
    since = None
    for record in index.ledger.events("version", job=job.slug):
        if record.get("state") == GONE:
            since = None
        elif since is None:
            since = record.get("since")
    if since is None:
        since = (newest_version(settings.state_directory, job.slug) or {}).get("since")
    return since_of(job, settings) if since is None else _seconds(str(since))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
