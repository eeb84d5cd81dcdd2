"""Jobs of the fleet that come after others: whose planned times they have, and who hears of the ends of their runs."""

from collections.abc import Sequence
from dataclasses import replace

from process_control.core import chain
from process_control.core.fleet.everywhere import TEMPLATE, base_of, host_of
from process_control.core.fleet.lock_state import After, JobSpec
from process_control.core.job import Job
from process_control.errors import Fault
from process_control.fleet.specs import FleetJob, NotForFleet


def with_chains(found: Sequence[FleetJob | NotForFleet], jobs: dict[str, Job]) -> list[FleetJob | NotForFleet]:
    """Return the jobs with what `after` comes to; one whose causes the fleet cannot have is refused.

    `jobs` are those of the fleet by slug. That there is no circle was checked when they were read.
    """
    known = {each.spec.job: each for each in found if isinstance(each, FleetJob)}
    linked = [_linked(each, known, jobs) for each in found]
    followers: dict[str, list[str]] = {}
    for each in linked:
        if isinstance(each, FleetJob):
            for after in each.spec.after:
                followers.setdefault(after.job, []).append(f"{_written(each.lock)}/{each.spec.job}")
    return [_heard(each, followers) for each in linked]


def _linked(each: FleetJob | NotForFleet, known: dict[str, FleetJob], jobs: dict[str, Job]) -> FleetJob | NotForFleet:
    job = jobs.get(each.spec.job) if isinstance(each, FleetJob) else None
    if not isinstance(each, FleetJob) or job is None or not job.after:
        return each
    slug = each.spec.job
    for cause in map(str, (entry["job"] for entry in job.after)):
        if cause not in known:
            return _refused(slug, f"its cause '{cause}' is not in the fleet", "write run_on: local for this job too")
        if (host_of(known[cause].lock) is None) != (host_of(each.lock) is None):
            return _refused(
                slug, f"it has another run_on than its cause '{cause}'", "write run_on: all for both, or none"
            )
    after = tuple(
        After(
            job=str(entry["job"]),
            on=str(entry["on"]),
            within=float(entry["within_seconds"] or job.start_within_seconds),
        )
        for entry in job.after
    )
    spec = replace(each.spec, after=after)
    if not spec.schedule:
        planned, _ = chain.origins(
            slug, lambda name: _causes_of(jobs.get(name)), lambda name: _is_planned(known.get(name))
        )
        first = known.get(planned[0]) if planned else None
        if first is None or chain.differing(planned, lambda name: _plan_of(known[name].spec)) is not None:
            return _refused(slug, "its causes do not have one schedule and time zone", "write a schedule for this job")
        spec = replace(spec, schedule=first.spec.schedule, time_zone=first.spec.time_zone)
    return replace(each, spec=spec)


def _causes_of(job: Job | None) -> list[str]:
    return [] if job is None else [str(cause["job"]) for cause in job.after]


def _is_planned(each: FleetJob | None) -> bool:
    return each is not None and bool(each.spec.schedule)


def _plan_of(spec: JobSpec) -> tuple[object, ...]:
    return spec.schedule, spec.time_zone


def _written(lock: str) -> str:
    """Return the lock as `everywhere.on_host` takes it."""
    return base_of(lock) if host_of(lock) == TEMPLATE else lock


def _heard(each: FleetJob | NotForFleet, followers: dict[str, list[str]]) -> FleetJob | NotForFleet:
    if not isinstance(each, FleetJob) or each.spec.job not in followers:
        return each
    return replace(each, spec=replace(each.spec, followers=tuple(sorted(followers[each.spec.job]))))


def _refused(slug: str, what: str, hint: str) -> NotForFleet:
    return NotForFleet(job=slug, faults=(Fault(what, where=f"{slug}.yaml", hint=hint),))
