"""Give jobs with `after` the schedule of their causes, and check the chain: circles, causes that do not exist.

Imported for such jobs only. A job that has a schedule of its own keeps it.
"""

import time

from process_control.config.libraries import find_site_packages
from process_control.config.settings import Settings
from process_control.core import chain
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.job import Job
from process_control.errors import BadConfiguration, JobNotFound, ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    Find = Callable[[str], object]


class BadChain(BadConfiguration):
    """A job that is valid by its own file, but not with the other jobs that `after` leads to."""


#: What a job is found to be whose file is invalid.
INVALID = object()


def plan_as_the_causes(job: Job, settings: Settings, load: "Callable[[str], Job]") -> bool:
    """Plan a job that was just loaded; return whether anything has changed since it was cached.

    `load` loads a cause, planned as the cache has it. Raises BadChain for one that cannot be.
    """
    known: dict[str, object] = {job.slug: job}

    def find(slug: str) -> object:
        if slug not in known:
            try:
                known[slug] = load(slug)
            except JobNotFound:
                known[slug] = None
            except ProcessControlError:
                known[slug] = INVALID
        return known[slug]

    origins = _origins(job, find, lambda: _slugs(settings), settings.fleet_address)
    if origins is None:
        return False
    now = time.time()
    from process_control.config.cache import planned_slots

    for each in origins:
        if not each.plan_hash:
            planned_slots.plan(each, settings, now)
    if not _take_the_schedule_of(job, origins):
        return False
    planned_slots.plan(job, settings, now)
    return True


def plan_one_of_all(
    job: Job, settings: Settings, jobs: "Mapping[str, object]", zone_of_host: "Callable[[], tzinfo]"
) -> None:
    """Plan a job among all jobs, by slug; what is no Job is invalid. Raises BadChain."""
    origins = _origins(job, jobs.get, lambda: list(jobs), settings.fleet_address)
    if origins is not None and _take_the_schedule_of(job, origins, zone_of_host()):
        from process_control.config.plan_of_job import plan_of_job

        job.plan_hash = plan_of_job(job, settings, zone_of_host=zone_of_host()).hash(job.version)


def causes_of(job: Job) -> "list[str]":
    return [str(cause["job"]) for cause in job.after]


def _slugs(settings: Settings) -> "list[str]":
    from process_control.config.not_found import names_if_any

    return names_if_any(settings.job_directory)


def _origins(
    job: Job, find: "Find", slugs: "Callable[[], list[str]]", fleet_address: "str | None"
) -> "list[Job] | None":
    """Check the chain, and return the jobs whose schedule the job has.

    None for one with a schedule of its own, and for one of the fleet, which plans it: it may come after its like only.
    """
    is_of_fleet = belongs_to_fleet(job.run_on, fleet_address)

    def its_causes(slug: str) -> "list[str]":
        cause = job if slug == job.slug else find(slug)
        return causes_of(cause) if isinstance(cause, Job) else []

    def is_planned(slug: str) -> bool:
        cause = find(slug)
        if not isinstance(cause, Job):
            return cause is not None
        return bool(cause.fleet_schedule or cause.schedule) and not cause.schedule_of

    for slug in its_causes(job.slug):
        cause = find(slug)
        if cause is None:
            raise _no_cause(job, slug, slugs())
        if isinstance(cause, Job) and belongs_to_fleet(cause.run_on, fleet_address) != is_of_fleet:
            raise _not_together(job, slug, is_of_fleet=is_of_fleet)
    found = chain.circle(job.slug, its_causes)
    if found is not None:
        raise _fault(job, f"'after' leads in a circle: {' → '.join(found)}", "remove one of these from 'after'")
    planned, unplanned = chain.origins(job.slug, its_causes, is_planned)
    if unplanned is not None:
        raise _never_planned(job, unplanned, is_there=find(unplanned) is not None)
    if is_of_fleet or (job.schedule and not job.schedule_of):
        return None
    return [_valid(job, slug, find(slug)) for slug in planned]


def _take_the_schedule_of(job: Job, origins: "Sequence[Job]", zone_of_host: "tzinfo | None" = None) -> bool:
    """Set schedule and time zone, and return True; False when that was done with the same plans of the causes."""
    hashes = {each.slug: each.plan_hash for each in origins}
    if job.causes_planned == hashes and job.plan_hash:
        return False
    find_site_packages()
    from process_control.config.plan_of_job import schedule_of

    plans = {each.slug: (schedule_of(each, zone_of_host).for_cron, each.time_zone) for each in origins}
    two = chain.differing(list(plans), plans.__getitem__)
    if two is not None:
        shown = " and ".join(f"'{slug}' ({_in_words(*plans[slug])})" for slug in two)
        hint = "write a schedule for this job, or the same one for all causes"
        raise _fault(job, f"'after' leads to jobs with different planned times: {shown}", hint)
    first = origins[0]
    job.schedule, job.time_zone, job.schedule_of = list(plans[first.slug][0]), first.time_zone, first.slug
    job.causes_planned = hashes
    return True


def _in_words(expressions: "Sequence[str]", time_zone: "str | None") -> str:
    return ", ".join(expressions) + (f" {time_zone}" if time_zone else "")


# --- faults ----------------------------------------------------------------------------------------------------------


def _valid(job: Job, slug: str, cause: object) -> Job:
    if isinstance(cause, Job):
        return cause
    raise _fault(job, f"its cause '{slug}' is invalid, so nothing is planned", f"process-control lint {slug}")


def _no_cause(job: Job, slug: str, known: "list[str]") -> BadChain:
    from process_control.core.suggestions import nearest

    near = nearest(slug, [name for name in known if name != job.slug])
    hint = f"did you mean '{near}'?" if near else "list all jobs: run-job --list-jobs"
    return _fault(job, f"'after' names a job that does not exist: '{slug}'", hint)


def _not_together(job: Job, slug: str, *, is_of_fleet: bool) -> BadChain:
    local = slug if is_of_fleet else job.slug
    what = f"'after' names '{slug}', but of the two only '{job.slug if is_of_fleet else slug}' belongs to the fleet"
    return _fault(job, what, f"write run_on: local for both, or for none: {local}.yaml has it")


def _never_planned(job: Job, slug: str, *, is_there: bool) -> BadChain:
    if not is_there:
        return _fault(job, f"'after' leads to a job that does not exist: '{slug}'", "run-job --list-jobs")
    hint = f"add a schedule to {slug}.yaml: nothing follows a run by hand"
    return _fault(job, f"its cause '{slug}' has neither 'schedule' nor 'after', so it has no planned times", hint)


def _fault(job: Job, what: str, hint: str) -> BadChain:
    return BadChain(what, where=f"{job.slug}.yaml:{_line_of_after(job)}:1", hint=hint)


def _line_of_after(job: Job) -> int:
    try:
        with open(job.path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.lstrip("\ufeff\"'").startswith("after"):
                    return number
    except OSError:
        pass
    return 1
