"""What a job plans, as a value: its schedule with `H` replaced, its zone by name, and what skips or allows a start."""

import posix
import time
from datetime import tzinfo

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.excluded import is_days
from process_control.core.schedule.plan import Plan, zone_of
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.errors import BadConfiguration
from process_control.system.clock import DAY_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.calendars import Calendars
    from process_control.core.schedule.included import Included


#: After how long a calendar is read again, although its file has not changed.
LOOK_SECONDS = 7 * DAY_SECONDS


def schedule_of(job: Job, zone_of_host: tzinfo | None = None) -> Schedule:
    """Return the schedule of a job that has one. Raises BadConfiguration when its time zone is gone."""
    zone = job.time_zone or zone_of_host
    try:
        return Schedule.parse(job.schedule, time_zone=zone, host=posix.uname().nodename, slug=job.slug)
    except ScheduleError as error:
        raise BadConfiguration(error.what, where=f"{job.slug}.yaml", hint=error.hint) from error


def plan_of_job(
    job: Job,
    settings: Settings,
    schedule: Schedule | None = None,
    calendars: "Calendars | None" = None,
    zone_of_host: tzinfo | None = None,
) -> Plan:
    """Return the plan of a job, and set `excluded` when it has the key `exclude`.

    `schedule`, `calendars` and `zone_of_host` save reading them. Raises BadConfiguration when its time zone is gone; a
    calendar that cannot be read is noted in `excluded`: a start is refused, and all else works without it.
    """
    if zone_of_host is None and job.time_zone is None:
        zone_of_host = host_zone()
    if schedule is None and job.schedule:
        schedule = schedule_of(job, zone_of_host)
    zone = job.time_zone or getattr(zone_of_host, "key", None)
    days: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    if job.exclude and schedule is not None:
        days, made_of = _days_of(job, settings, zone, calendars)
    return Plan(
        schedule=() if schedule is None else schedule.for_cron,
        time_zone=zone,
        disabled=job.disabled,
        exclude=days,
        exclude_made_of=made_of,
        start_within=job.start_within_seconds,
        catch_up=_catch_up(job),
        after=tuple((str(cause["job"]), str(cause["on"])) for cause in job.after),
        schedule_of=job.schedule_of,
    )


def included(
    job: Job, schedule: Schedule, settings: Settings, calendars: "Calendars | None" = None
) -> "Schedule | Included":
    """Return the schedule without the days that the job excludes."""
    if not job.exclude:
        return schedule
    from process_control.core.schedule.included import Included

    plan = plan_of_job(job, settings, schedule, calendars)
    return Included(schedule, plan.exclude, zone_of(plan.time_zone))


def _days_of(
    job: Job, settings: Settings, zone: str | None, calendars: "Calendars | None"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the excluded days of a job, and of what they were made. Sets `excluded`.

    Its `stamps` are the states of the files that decide, by path; it holds from `since` until `until`, so far as they
    are the same: not for long, because to look at a file is not to read it, and 30 days count from that. `stale`: a
    calendar cannot be read, and an earlier reading counts; `fault`: nor does that.
    """
    if all(is_days(entry) for entry in job.exclude):
        job.excluded = {"slots": []}
        return tuple(job.exclude), ()
    from process_control.config.calendars import Calendars

    now = time.time()
    calendars = calendars or Calendars(settings, now)
    found = calendars.resolve(job.exclude, zone, f"{job.slug}.yaml")
    job.excluded = {
        "slots": [],
        "stamps": found.stamps,
        "since": int(now) - 1,
        "until": min(int(now) + LOOK_SECONDS, calendars.until),
    }
    if found.stale:
        job.excluded["stale"] = "; ".join(found.stale)
    if found.fault is not None:
        job.excluded["fault"] = [found.fault.what, found.fault.where, found.fault.hint]
    return found.days, found.made_of


def _catch_up(job: Job) -> dict[str, object] | None:
    if job.catch_up_which in (None, "none"):
        return None
    return {"which": job.catch_up_which, "within": job.catch_up_within_seconds}
