"""What the fleet has to know of the jobs of this job directory, made from their files."""

import os
from collections.abc import Iterable

from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core.fleet.everywhere import TEMPLATE, lock_on
from process_control.core.fleet.lock_state import MAX_JOBS, JobSpec
from process_control.core.fleet.membership import ALL, belongs_to_fleet
from process_control.core.health import Policy
from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.errors import BadConfiguration, Fault, ProcessControlError
from process_control.fleet.job_chains import with_chains
from process_control.fleet.specs import FleetJob, NotForFleet


def fleet_jobs(settings: Settings) -> list[FleetJob | NotForFleet]:
    """Return all jobs of the job directory that belong to the fleet, sorted by slug.

    Raises BadConfiguration and NotPermitted when the job directory cannot be read.
    """
    found: list[FleetJob | NotForFleet] = []
    jobs: dict[str, Job] = {}
    for job in load_all(settings):
        if isinstance(job, InvalidJob):
            found.append(NotForFleet(job=job.slug, faults=tuple(job.error.faults)))
        elif belongs_to_fleet(job.run_on, settings.fleet_address):
            jobs[job.slug] = job
            found.append(_fleet_job(job, settings))
    return sorted(_within_their_locks(with_chains(found, jobs)), key=_slug)


def _fleet_job(job: Job, settings: Settings) -> FleetJob | NotForFleet:
    try:
        lock = lock_on(job.lock, TEMPLATE) if job.run_on == ALL else job.lock
        spec = spec_of(job, settings)
        return FleetJob(lock=lock, spec=spec, schedule_here=_schedule_here(job, spec))
    except ProcessControlError as error:
        return NotForFleet(job=job.slug, faults=tuple(error.faults))


def _schedule_here(job: Job, spec: JobSpec) -> tuple[str, ...]:
    host = os.uname().nodename
    here = (
        Schedule.parse(job.fleet_schedule, time_zone=job.time_zone, host=host, slug=job.slug).for_cron
        if job.fleet_schedule
        else ()
    )
    return () if tuple(here) == tuple(spec.schedule) else tuple(here)


def spec_of(job: Job, settings: Settings) -> JobSpec:
    """Return what the fleet has to know of a job. `H` is a hash of the slug alone there: it has no host.

    Raises BadConfiguration (78) for what the fleet cannot do.
    """
    where = f"{job.slug}.yaml"
    zone = job.time_zone or host_zone()
    try:
        written = job.fleet_schedule
        schedule = Schedule.parse(written, time_zone=zone, host="", slug=job.slug) if written else None
    except ScheduleError as error:
        raise BadConfiguration(error.what, where=where, hint=error.hint) from error
    plan = plan_of_job(job, settings, schedule)
    if plan.time_zone is None:
        hint = "write time_zone: UTC, or the name of the zone that is meant"
        raise BadConfiguration("the zone of this host has no name", where=where, hint=hint)
    return JobSpec(
        job=job.slug,
        hash=job.version,
        schedule=plan.schedule,
        time_zone=plan.time_zone,
        disabled=job.disabled,
        exclude=plan.exclude,
        start_within=job.start_within_seconds,
        catch_up_which=None if job.catch_up_which == "none" else job.catch_up_which,
        catch_up_within=job.catch_up_within_seconds,
        on_overlap=job.on_overlap,
        queue_timeout=job.queue_timeout_seconds,
        queue=job.run_on,
        on_host_loss=job.on_host_loss,
        on_partition=job.on_partition,
        lease=settings.fleet_lease_seconds,
        policy=Policy.from_job(job),
        success_every=job.expect.get("success_every"),
    )


def _within_their_locks(jobs: Iterable[FleetJob | NotForFleet]) -> list[FleetJob | NotForFleet]:
    """Return the jobs, those of a lock that has too many refused."""
    found: list[FleetJob | NotForFleet] = []
    counts: dict[str, int] = {}
    for each in jobs:
        if isinstance(each, FleetJob):
            counts[each.lock] = counts.get(each.lock, 0) + 1
            if counts[each.lock] > MAX_JOBS:
                fault = Fault(f"{MAX_JOBS} jobs have the lock '{each.lock}' already", where=f"{each.spec.job}.yaml")
                found.append(NotForFleet(job=each.spec.job, faults=(fault,)))
                continue
        found.append(each)
    return found


def _slug(each: FleetJob | NotForFleet) -> str:
    return each.spec.job if isinstance(each, FleetJob) else each.job
