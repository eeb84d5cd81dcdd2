"""Late slots: planned times that had neither a run nor a skip."""

from datetime import UTC, datetime, tzinfo
from functools import cached_property

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.errors import BadConfiguration
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.state.job_versions import since_of_version
from process_control.system.clock import iso
from process_control.views.in_charge import scheduler_in_charge


class LateSlots:
    """Finds the slots that are late. What is expensive is asked of jobs only that seem to be late."""

    def __init__(self, settings: Settings, index: Index, schedules: KnownSchedules) -> None:
        self._settings = settings
        self._index = index
        self._schedules = schedules

    def of(self, job: Job, settled_slot: int | None, last: Run | None = None) -> datetime | None:
        """Return the last slot that should have been started by now, and had neither run nor skip; else None.

        `settled_slot`: the last one that had its run or its skip. A slot from before the job's version came into force
        says nothing: it may have been planned otherwise then. A file that was only touched is the same version; so is
        one that had its `last` run as it is.
        """
        if job.disabled or not job.schedule or job.schedule_of:  # of a follower its causes are late
            return None
        now = self._schedules.now.timestamp()
        slot = self._schedules.last_slot(job, now - job.start_within_seconds)
        if slot is None or (settled_slot is not None and slot <= settled_slot):
            return None
        try:
            is_of_this_version = _ran_before(slot, last, job.version) or slot >= since_of_version(
                job, self._settings, now=now
            )
            if not is_of_this_version:
                return None
        except BadConfiguration:  # its time zone is gone, so nothing is planned
            return None
        return None if self._is_settled(job.slug, slot) else datetime.fromtimestamp(slot, UTC)

    def _is_settled(self, slug: str, slot: int) -> bool:
        """Return whether the slot had a run or a skip after all, as by hand, or somebody has marked it."""
        at = iso(slot)
        return (slug, at) in self._marked or bool(self._index.ledger.of_slots([slug], at, at))

    @cached_property
    def _marked(self) -> frozenset[tuple[str, str]]:
        marks = self._index.ledger.events("mark")
        return frozenset((str(mark.get("job")), str(mark.get("scheduled_at"))) for mark in marks)


def _ran_before(slot: int, last: Run | None, version: str) -> bool:
    if last is None or last.version != version:
        return False
    return datetime.fromisoformat(last.started_at).timestamp() <= slot


def late_in_words(slot: datetime, zone: tzinfo, question: str) -> str:
    """Return, in words, which slot had no run. `zone` is the host's: the caller has it, since finding it is slow."""
    return f"no run for the planned time {slot.astimezone(zone):%a %Y-%m-%d %H:%M}: {question}"


def question_for(state_directory: str) -> str:
    """Return what to ask when nothing started a job."""
    return "is cron running?" if scheduler_in_charge(state_directory) is None else "is the scheduler running?"
