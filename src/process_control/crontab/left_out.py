"""Jobs that the generated crontab leaves out because cron does not know their time zone, and nothing else starts."""

from collections.abc import Iterable, Sequence
from functools import cache

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.schedule import is_for_cron, not_for_cron
from process_control.crontab.rules import has_users
from process_control.crontab.target import CONSOLE
from process_control.crontab.user_crontab import read_user_crontab
from process_control.errors import ProcessControlError
from process_control.views.in_charge import scheduler_in_charge
from process_control.views.job_status import JobStatus
from process_control.views.other_triggers import started_by_others


def generated_crontab(settings: Settings) -> str:
    """Return the text of the crontab that has the jobs' lines; none when there is none, or when it cannot be read."""
    target = settings.output_crontab
    try:
        if target == CONSOLE or not has_users(target):
            return read_user_crontab(settings.job_directory) or ""
        with open(target, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (OSError, ProcessControlError):
        return ""


def left_out(settings: Settings, jobs: Iterable[Job | InvalidJob], statuses: Sequence[JobStatus]) -> list[Job]:
    """Return the jobs with planned times that only a crontab could start and that the generated one cannot have.

    None where no crontab was generated, or the scheduler is in charge. `statuses` are those of the jobs.
    """
    found = candidates(jobs)
    if not found or scheduler_in_charge(settings.state_directory) or not generated_crontab(settings):
        return []
    others = started_by_others(settings, statuses)
    return [job for job in found if job.slug not in others]


def candidates(jobs: Iterable[Job | InvalidJob]) -> list[Job]:
    """Return the jobs with a schedule in a time zone that cron does not know."""
    knows = cache(is_for_cron)
    return [
        job
        for job in jobs
        if isinstance(job, Job)
        and job.schedule
        and not job.schedule_of
        and not job.disabled
        and not knows(job.time_zone)
    ]


def left_out_in_words(jobs: Sequence[Job]) -> list[str]:
    """Return one sentence of these jobs, with what to do; none without a job."""
    if not jobs:
        return []
    first = jobs[0]
    what = f"{first.slug} is" if len(jobs) == 1 else f"{len(jobs):,} jobs are"
    fix = f"to start it by a systemd timer: process-control export systemd {first.slug}"
    if len(jobs) > 1:
        fix = "to see which: process-control doctor"
    return [f"{what} not in the crontab: {why_left_out(first)}; {fix}"]


def why_left_out(job: Job) -> str:
    """Return in words why the crontab cannot have the job."""
    return not_for_cron(job.time_zone or "")
