"""Post of jobs with an incident that nothing is expected of them any more: disabled, deleted, nobody to be notified."""

import os
from collections.abc import Sequence

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job, is_slug
from process_control.notify.announce import is_reported
from process_control.notify.host_events import HostEvents, has_incident
from process_control.state.incident_store import Store


def post_gone_jobs(settings: Settings, jobs: Sequence[Job | InvalidJob], events: HostEvents) -> None:
    """Post those of all jobs with an incident. Call it when job files or configuration have changed."""
    known = {job.slug: job for job in jobs}
    try:
        slugs = sorted(os.listdir(layout.jobs(settings.state_directory)))
    except OSError:
        return
    for slug in slugs:
        if is_slug(slug) and has_incident(settings, slug):
            why = _why(known.get(slug), settings)
            if why is not None and (slug in known or not _is_of_fleet(settings, slug)):
                events.gone(slug, why)


def _is_of_fleet(settings: Settings, slug: str) -> bool:
    """Return whether its incident is about planned times of the fleet: this host may not have its file."""
    return any(each.parts[slug].lock for each in Store(settings.state_directory).of_job(slug) if slug in each.parts)


def _why(job: Job | InvalidJob | None, settings: Settings) -> str | None:
    if job is None:
        return "its job file is gone"
    if isinstance(job, InvalidJob):
        return None  # somebody is about to correct it
    if job.disabled:
        return "the job is disabled"
    return None if is_reported(job, settings) else "nobody is to be notified about the job any more"
