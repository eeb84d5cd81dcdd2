"""Whether a job starts when its crontab entry does: the planned times of both, minute by minute. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from process_control.core.schedule.between import slots_between
from process_control.core.schedule.debian_cron import CronEntry, starts_of
from process_control.core.schedule.schedule import Schedule

DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The times of an entry and of its job."""

    days: int
    #: How many times both have.
    times: int
    #: The first time that only one of them has, as UTC; None when they are equal.
    differs_at: datetime | None = None

    @property
    def holds(self) -> bool:
        return self.differs_at is None


def prove(
    schedule: str, job: Sequence[str], *, zone: tzinfo, job_zone: tzinfo, now: float, host: str, slug: str
) -> Proof:
    """Compare an entry in `zone` with a job in `job_zone` over the next 400 days."""
    after = int(now) // 60 * 60
    until = after + DAYS * 86400
    of_entry = starts_of(CronEntry.read(schedule), zone, after, until)
    of_job = slots_between(Schedule.parse(job, time_zone=job_zone, host=host, slug=slug), after, until)
    if of_entry == of_job:
        return Proof(days=DAYS, times=len(of_entry))
    first = min(set(of_entry) ^ set(of_job))
    return Proof(days=DAYS, times=len(set(of_entry) & set(of_job)), differs_at=datetime.fromtimestamp(first, UTC))
