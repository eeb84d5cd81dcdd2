"""The next planned times of a job, as UTC seconds: what the cache keeps so that the gate parses no schedule."""

import itertools
import posix
from datetime import UTC, datetime

from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule
from process_control.errors import BadConfiguration


def planned_slots(job: Job, now: float, count: int) -> list[int]:
    """Return the last slot at or before `now` (0 when there is none), then the next ones, `count` in all.

    Raises BadConfiguration when the schedule cannot be planned any more: its time zone is gone.
    """
    moment = datetime.fromtimestamp(now, UTC)
    try:
        schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=posix.uname().nodename, slug=job.slug)
    except ScheduleError as error:
        raise BadConfiguration(error.what, where=f"{job.slug}.yaml", mend=error.mend) from error
    last = schedule.last_at_or_before(moment)
    coming = itertools.islice(schedule.after(moment), count - 1)
    return [0 if last is None else int(last.timestamp()), *(int(slot.timestamp()) for slot in coming)]
