"""Late slots: planned times that had neither a run nor a skip."""

from datetime import UTC, datetime, tzinfo
from os import stat

from process_control.config.cache.next_slots import KnownSchedules
from process_control.core.job import Job
from process_control.history.index.past_run import Run


def late_slot(
    job: Job, settled_slot: int | None, schedules: KnownSchedules, last: Run | None = None
) -> datetime | None:
    """Return the last slot that should have been started by now, and had neither run nor skip; else None.

    `settled_slot`: the last one that had its run or its skip. A slot from before the job file was last changed says
    nothing: it may have been planned otherwise then. A file that a deployment has written anew is as old as the `last`
    run of the same version.
    """
    if job.disabled or not job.schedule:
        return None
    slot = schedules.last_slot(job, schedules.now.timestamp() - job.start_within_seconds)
    if slot is None or (settled_slot is not None and slot <= settled_slot):
        return None
    if _ran_before(slot, last, job.version):
        return datetime.fromtimestamp(slot, UTC)
    try:
        is_older_than_its_file = slot < stat(job.path).st_mtime
    except OSError:
        return None
    return None if is_older_than_its_file else datetime.fromtimestamp(slot, UTC)


def _ran_before(slot: int, last: Run | None, version: str) -> bool:
    if last is None or last.version != version:
        return False
    return datetime.fromisoformat(last.started_at).timestamp() <= slot


def late_in_words(slot: datetime, zone: tzinfo) -> str:
    """Return, in words, which slot had no run. `zone` is the host's: the caller has it, since finding it is slow."""
    return f"no run for the planned time {slot.astimezone(zone):%a %Y-%m-%d %H:%M}: is cron running?"
