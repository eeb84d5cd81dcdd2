"""When each job runs next, and when it ran last: the list of timers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.core.job_state import DISABLED, HELD, INVALID
from process_control.core.moments import parse_iso
from process_control.views.job_status import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One job. `next` None: it will not run by itself, and `why` says why not."""

    job: str
    next: datetime | None
    left_seconds: float | None
    #: when its last run began that was not skipped; the one in progress counts
    last: datetime | None
    #: the outcome of that run; running
    result: str | None
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it with the keys of `--json`; `why` only where there is no next time."""
        values = {
            "job": self.job,
            "next": None if self.next is None else f"{self.next:%Y-%m-%dT%H:%M:%S.000Z}",
            "left_seconds": self.left_seconds,
            "last": None if self.last is None else _iso(self.last),
            "result": self.result,
        }
        return values if self.why is None else {**values, "why": self.why}


def timers_of(statuses: Iterable[JobStatus], schedules: KnownSchedules) -> list[Timer]:
    """Return the timers, soonest first, then those that will not run, by name."""
    found = [_timer(status, schedules) for status in statuses]
    return sorted(found, key=lambda timer: (timer.next is None, timer.next or schedules.now, timer.job))


def _timer(status: JobStatus, schedules: KnownSchedules) -> Timer:
    run = status.running or status.last
    slot = status.next_slot(schedules)
    result = "running" if status.running is not None else (run.outcome if run is not None else None)
    return Timer(
        job=status.slug,
        next=slot,
        left_seconds=None if slot is None else round((slot - schedules.now).total_seconds(), 3),
        last=parse_iso(run.started_at) if run is not None else None,
        result=result,
        why=_why(status) if slot is None else None,
    )


def _why(status: JobStatus) -> str:
    """Return in a few words why there is no next time."""
    if status.definition is None:
        return "invalid: " + (status.why or "").partition("\n")[0]
    if status.definition.fleet_schedule:
        return "planned in the fleet"
    if not status.definition.schedule:
        return "no schedule"
    if status.state == HELD:
        return status.why or HELD
    if status.definition.disabled:
        return f"{DISABLED} in its file"
    return f"{INVALID}: its schedule names no time that comes, or its time zone is unknown"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
