"""The next planned times of a job, as UTC seconds, in its cache: so a start parses no schedule.

Lean module: the planner is imported when the cached times are used up.
"""

from process_control.config.cache import read
from process_control.core.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

PLANNED_SLOTS = 64


def last_slot(job: Job, settings: "Settings", now: float) -> "int | None":
    """Return the last planned time not later than `now`, as UTC seconds; None when there is none.

    When the cached times are used up, new ones are planned and cached. Raises BadConfiguration when the job's time
    zone is gone.
    """
    if not job.schedule:
        return None
    slots = job.planned_slots
    if not slots or not slots[0] <= now < slots[-1]:
        slots = job.planned_slots = planned_slots(job, now)
        _keep(job, settings)
    last = 0
    for slot in slots:
        if slot > now:
            break
        last = slot
    return last or None


def planned_slots(job: Job, now: float) -> "list[int]":
    """Return the last slot at or before `now` (0 when there is none), then the next ones; none without a schedule.

    Raises BadConfiguration when the schedule cannot be planned any more: its time zone is gone.
    """
    if not job.schedule:
        return []
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    import itertools
    import posix
    from datetime import UTC, datetime

    from process_control.core.schedule.columns import ScheduleError
    from process_control.core.schedule.schedule import Schedule
    from process_control.errors import BadConfiguration

    moment = datetime.fromtimestamp(now, UTC)
    try:
        schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=posix.uname().nodename, slug=job.slug)
    except ScheduleError as error:
        raise BadConfiguration(error.what, where=f"{job.slug}.yaml", hint=error.hint) from error
    last = schedule.last_at_or_before(moment)
    coming = itertools.islice(schedule.after(moment), PLANNED_SLOTS - 1)
    return [0 if last is None else int(last.timestamp()), *(int(slot.timestamp()) for slot in coming)]


def _keep(job: Job, settings: "Settings") -> None:
    """Put newly planned times into the job's cache file."""
    places, name = settings.search.cache_places_now(), settings.search.cache_name(job.slug)
    known = read.read(places, name)
    if known is None or "job" not in known or known["job"][1][2] != job.version:
        return
    from process_control.config.cache import write

    known["job"][1:] = [job.to_values(), read.zone_stamp(job.time_zone)]
    write.write(places, name, known)
