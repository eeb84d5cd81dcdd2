"""`status JOB` on a terminal: one job at length."""

from datetime import UTC

from process_control.cli.history_index import open_index
from process_control.cli.verbs.job_screen import show_one
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.settings import Settings
from process_control.history.log_reader import current_path
from process_control.views.job_status import JobStatus
from process_control.views.open_incidents import incidents_of_job
from process_control.views.stderr_of_runs import news_on_stderr


def show_one_job(settings: Settings, status: JobStatus, schedules: KnownSchedules) -> None:
    """Show a job at length, with the last lines of its output, on a terminal."""
    for run in (status.running, status.last):
        if run is not None and run.log:
            run.log = current_path(run.log, settings.output_directory)
    with open_index(settings.state_directory) as index:
        news = news_on_stderr(status, index, settings)
    tags = status.definition.tags if status.definition is not None else []
    now = f"{schedules.now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    incidents = incidents_of_job(settings.state_directory, status.slug, tags, now=now)
    show_one(status, schedules, state_directory=settings.state_directory, news=news, incidents=incidents)
