"""What the job files plan, as the scheduler needs it. An invalid file plans what its last valid version planned."""

import posix
from collections.abc import Hashable, Mapping
from typing import cast

from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.dispatch import JobPlan
from process_control.core.schedule.schedule import Schedule
from process_control.core.schedule.slots import plan_in_force
from process_control.errors import ProcessControlError
from process_control.state.past_runs import open_index
from process_control.views.slots import Ledger

#: Texts of the schedule, name of the zone, and the slug where an `H` in the schedule depends on it.
Key = tuple[tuple[str, ...], str | None, str]


def schedule_of(key: Hashable) -> Schedule | None:
    """Return the schedule that a key names; None when its time zone is gone."""
    texts, zone, slug = cast(Key, key)
    try:
        return Schedule.parse(texts, time_zone=zone, host=posix.uname().nodename, slug=slug)
    except ScheduleError:
        return None


def zone_in(key: Hashable) -> str | None:
    """Return the name of the zone of a schedule; None is that of the host."""
    return cast(Key, key)[1]


def planned_jobs(settings: Settings, known: Mapping[str, JobPlan], *, now: float) -> dict[str, JobPlan]:
    """Return the plan of each job that has a schedule of its own and is not disabled. `known`: what was planned before.

    Raises BadConfiguration and NotPermitted when the job directory cannot be read.
    """
    found: dict[str, JobPlan] = {}
    invalid: list[InvalidJob] = []
    for job in load_all(settings):
        if isinstance(job, InvalidJob):
            invalid.append(job)
        elif job.schedule and not job.disabled and not job.schedule_of:  # else its causes start it
            found[job.slug] = _plan_of(job)
    unknown = [job for job in invalid if job.slug not in known]
    found.update((job.slug, known[job.slug]) for job in invalid if job.slug in known)
    found.update(_last_valid_plans(settings, unknown, now=now) if unknown else {})
    return found


def _plan_of(job: Job) -> JobPlan:
    is_spread = any("H" in text.upper() for text in job.schedule)
    return JobPlan(
        slug=job.slug,
        key=(tuple(job.schedule), job.time_zone, job.slug if is_spread else ""),
        start_within=job.start_within_seconds,
        lock=job.lock,
        on_overlap=job.on_overlap,
        pool=job.pool,
        queue_timeout=job.queue_timeout_seconds,
    )


def _last_valid_plans(settings: Settings, jobs: list[InvalidJob], *, now: float) -> dict[str, JobPlan]:
    """Return what the last valid versions of these jobs planned, by the history: each slot will be refused."""
    found = {}
    try:
        with open_index(settings.state_directory) as index:
            ledger = Ledger(settings, jobs, index, now=now)
            for job in jobs:
                plan = plan_in_force(ledger.versions(job.slug), now)
                if plan is None or plan[1].disabled or plan[1].schedule_of:
                    continue
                if plan[1].schedule:
                    key = (plan[1].schedule, plan[1].time_zone, "")
                    found[job.slug] = JobPlan(slug=job.slug, key=key, start_within=plan[1].start_within, lock=job.slug)
    except ProcessControlError:  # without a history nothing is known of them; `watch` reports that
        pass
    return found
