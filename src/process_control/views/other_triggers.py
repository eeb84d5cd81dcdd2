"""Which jobs something else than cron starts: a systemd timer of ours, or whatever started their last runs."""

from collections.abc import Iterable, Sequence

from process_control.config.settings import Settings
from process_control.core.facts import TIMER
from process_control.core.schedule.causes import OTHER_TRIGGERS
from process_control.core.unit_names import PREFIX, header
from process_control.history.index.index import Index
from process_control.system.systemd import enabled_timers
from process_control.views.job_status import JobStatus


def jobs_with_timers(settings: Settings) -> frozenset[str]:
    """Return the jobs of this job directory that have an installed and enabled timer of `export systemd`."""
    return enabled_timers(PREFIX, header(settings.job_directory))


def started_by_others(settings: Settings, statuses: Iterable[JobStatus]) -> frozenset[str]:
    """Return those, and the jobs whose last run a timer started. Of the scheduler its note says more."""
    by_last_run = {each.slug for each in statuses if each.last is not None and each.last.trigger == TIMER}
    return jobs_with_timers(settings) | by_last_run


def last_started_by_others(index: Index, slugs: Sequence[str]) -> list[str]:
    """Return the jobs whose last run was started so, by the history."""
    return [slug for slug in slugs if any(run.trigger in OTHER_TRIGGERS for run in index.runs(jobs=[slug], limit=1))]
