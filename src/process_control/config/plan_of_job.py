"""What a job plans, as a value: its schedule with `H` replaced, its zone by name, and what skips or allows a start."""

import posix

from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.errors import BadConfiguration


def schedule_of(job: Job) -> Schedule:
    """Return the schedule of a job that has one. Raises BadConfiguration when its time zone is gone."""
    try:
        return Schedule.parse(job.schedule, time_zone=job.time_zone, host=posix.uname().nodename, slug=job.slug)
    except ScheduleError as error:
        raise BadConfiguration(error.what, where=f"{job.slug}.yaml", hint=error.hint) from error


def plan_of_job(job: Job, schedule: Schedule | None = None) -> Plan:
    """Return the plan of a job. Raises BadConfiguration when its time zone is gone. `schedule` saves parsing it."""
    if schedule is None and job.schedule:
        schedule = schedule_of(job)
    zone = job.time_zone or getattr(host_zone(), "key", None)
    return Plan(
        schedule=() if schedule is None else schedule.for_cron,
        time_zone=zone,
        disabled=job.disabled,
        start_within=job.start_within_seconds,
        catch_up=_catch_up(job),
    )


def _catch_up(job: Job) -> dict[str, object] | None:
    if job.catch_up_which == "none":
        return None
    return {"which": job.catch_up_which, "within": job.catch_up_within_seconds}
