"""The next planned times of a job, as UTC seconds, in its cache: so a start parses no schedule.

Lean module: the planner is imported when the cached times are used up.
"""

from process_control.config.cache import read
from process_control.core.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.schedule.schedule import Schedule

PLANNED_SLOTS = 64
#: Rare times are not planned further ahead: the 64th 29 February is 250 years away, and takes 50 ms to find.
MAX_AHEAD_SECONDS = 400 * 86400


def last_slot(job: Job, settings: "Settings", now: float) -> "int | None":
    """Return the last planned time not later than `now`, as UTC seconds; None when there is none.

    When the cached times are used up, new ones are planned and cached. Raises BadConfiguration when the job's time
    zone is gone.
    """
    if not job.schedule:
        return None
    slots = job.planned_slots
    if not slots or not slots[0] <= now < slots[-1]:
        plan(job, settings, now)
        slots = job.planned_slots
        _keep(job, settings)
    last = 0
    for slot in slots:
        if slot > now:
            break
        last = slot
    return last or None


def plan(job: Job, settings: "Settings", now: float) -> None:
    """Set what follows from the job's schedule: `planned_slots`, which of them are `excluded`, and `plan_hash`.

    Raises BadConfiguration when the schedule cannot be planned any more: its time zone is gone.
    """
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.config.plan_of_job import plan_of_job, schedule_of

    schedule = schedule_of(job) if job.schedule else None
    job.planned_slots = [] if schedule is None else _slots_around(schedule, now)
    what = plan_of_job(job, settings, schedule)
    job.plan_hash = what.hash(job.version)
    if job.excluded:
        reasons = ((slot, what.excluded_by(slot)) for slot in job.planned_slots if slot)
        job.excluded["slots"] = [[slot, reason] for slot, reason in reasons if reason is not None]


def has_slot(job: Job, slot: int) -> bool:
    """Return whether `slot` (UTC seconds) is a planned time of the job. Raises BadConfiguration as `last_slot`."""
    slots = job.planned_slots
    if slots and slots[0] <= slot <= slots[-1]:
        return slot in slots
    if not job.schedule:
        return False
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from datetime import UTC, datetime

    from process_control.config.plan_of_job import schedule_of

    last = schedule_of(job).last_at_or_before(datetime.fromtimestamp(slot, UTC))
    return last is not None and int(last.timestamp()) == slot


def _slots_around(schedule: "Schedule", now: float) -> "list[int]":
    """Return the last slot at or before `now` (0 when there is none), then the next ones, at least one."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(now, UTC)
    last = schedule.last_at_or_before(moment)
    slots = [0 if last is None else int(last.timestamp())]
    for slot in schedule.after(moment):
        slots.append(int(slot.timestamp()))
        if len(slots) == PLANNED_SLOTS or slots[-1] > now + MAX_AHEAD_SECONDS:
            break
    return slots


def _keep(job: Job, settings: "Settings") -> None:
    """Put newly planned times into the job's cache file."""
    places, name = settings.search.cache_places_now(), settings.search.cache_name(job.slug)
    known = read.read(places, name)
    if known is None or "job" not in known or known["job"][1][2] != job.version:
        return
    from process_control.config.cache import write

    known["job"][1:] = [job.to_values(), read.zone_stamp(job.time_zone)]
    write.write(places, name, known)
