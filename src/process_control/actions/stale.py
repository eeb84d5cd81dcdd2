"""Post jobs without a success for longer than `expect: {success_every}` allows, each once."""

from collections.abc import Callable, Mapping, Sequence

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.job import Job
from process_control.notify.host_events import HostEvents
from process_control.state.past_runs import open_index
from process_control.state.watched_jobs import WatchedJob
from process_control.system.clock import iso
from process_control.views.last_runs import LastRuns
from process_control.views.stale_jobs import last_good_moment, stale_job


def post_stale_jobs(
    settings: Settings,
    watched: Mapping[str, WatchedJob],
    load: Callable[[], Sequence[Job | InvalidJob]],
    events: HostEvents,
    *,
    now: float,
) -> None:
    """Ask about the jobs whose time has come, post those that are stale, and note in `watched` when to ask again."""
    due = {slug: entry for slug, entry in watched.items() if entry.success_every is not None and entry.stale_at <= now}
    if not due:
        return
    jobs = {job.slug: job for job in load() if isinstance(job, Job) and job.slug in due}
    with open_index(settings.state_directory) as index:
        runs = LastRuns(list(jobs), index)
        for slug, job in jobs.items():
            entry, last = due[slug], runs.last(slug)
            within = entry.success_every or 0.0
            since = last_good_moment(job, last, index, settings)
            sentence = stale_job(job, last, index, settings, now=now)
            key = "" if sentence is None else f"{slug}~stale~{iso(since)}"
            if sentence is not None and key != entry.stale_key and entry.is_reported:
                events.of_job(Cause.STALE, slug, key, sentence)
            entry.stale_key = key
            # While it is stale, a success that comes now counts so long.
            entry.stale_at = (since if sentence is None else now) + within
