"""Planned times that nothing became of: whether a job has one, and what is said of it."""

from datetime import UTC, datetime, tzinfo
from os import stat

from process_control.config.known_schedules import KnownSchedules
from process_control.core.job import Job


def late_slot(job: Job, settled_slot: int | None, schedules: KnownSchedules) -> datetime | None:
    """Return the last slot that should have been started by now, when nothing became of it; else None.

    `settled_slot`: the last one that had its run or its skip. A slot from before the job file was last changed says
    nothing: it may have been planned otherwise then.
    """
    if job.disabled or not job.schedule:
        return None
    slot = schedules.last_slot(job, schedules.now.timestamp() - job.start_within_seconds)
    if slot is None or (settled_slot is not None and slot <= settled_slot):
        return None
    try:
        is_older_than_its_file = slot < stat(job.path).st_mtime
    except OSError:
        return None
    return None if is_older_than_its_file else datetime.fromtimestamp(slot, UTC)


def late_in_words(slot: datetime, zone: tzinfo) -> str:
    """Return what is said of a job that is late. `zone` is the host's: finding it takes longer than all the rest."""
    return f"no run for the planned time {slot.astimezone(zone):%a %Y-%m-%d %H:%M}: is cron running?"
