"""JobStatus, the one read model: what every list, screen and page shows of a job. `status.py` makes it."""

from dataclasses import dataclass
from datetime import datetime
from os import uname
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.core.health import Health, State
from process_control.core.job import Job
from process_control.core.moments import parse_iso
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.history.index.past_run import Run
from process_control.views.slow_start import SlowStart


@dataclass(slots=True, kw_only=True)  # not frozen: as a Run, made for each of thousands of jobs
class JobStatus:
    """The state of a job and what it rests on."""

    slug: str
    #: The path of the job file.
    path: str
    #: One of the words of `core/job_state.py`.
    state: str
    #: The reason for its state, in words.
    why: str | None
    #: None when the job file is invalid.
    definition: Job | None
    health: Health
    #: The last run that ended and was not skipped.
    last: Run | None
    running: Run | None
    #: Outcomes of the last runs, skipped ones too, oldest first; None for one that is running.
    recent: tuple[str | None, ...]
    #: Of the recent runs that went well.
    median_seconds: float | None
    #: The last slot that had its run or its skip, in UTC seconds.
    settled_slot: int | None
    slow_start: SlowStart | None = None
    #: Sentences: what needs a look whatever the state is.
    alerts: tuple[str, ...] = ()
    #: The slot that should have been started by now and had neither run nor skip.
    late_slot: datetime | None = None
    #: What to ask about that.
    late_question: str = ""
    #: That it has not succeeded for too long (`expect: {success_every}`), in words.
    stale: str | None = None
    #: The id of its open incident.
    incident: str | None = None
    #: Until when nobody is notified about it (ISO 8601); None: somebody is.
    silenced_until: str | None = None

    @property
    def backoff_until(self) -> str | None:
        """Until when slots are skipped (ISO 8601 UTC); None when none are."""
        until = self.health.backoff_until
        return until if until is not None and self.definition and self.definition.backoff_delay_seconds else None

    @property
    def name(self) -> str | None:
        return self.definition.name if self.definition else None

    @property
    def last_in_words(self) -> str:
        """Why the last run ended as it did."""
        return self.last.why if self.last is not None else ""

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the job; None without one, or when its zone is no longer known."""
        return _schedule(self.definition)

    def next_slot(self, schedules: KnownSchedules) -> datetime | None:
        """Return the next planned time that will run; None for a job that is disabled, invalid or held without end."""
        if self.definition is None or self.definition.disabled:
            return None
        slot = schedules.next_slot(self.definition)
        if self.health.state is State.HELD:
            held_until = self.health.release_at or self.health.probe_at
            return self._first_slot_from(held_until, slot, schedules) if held_until else None
        return self._first_slot_from(self.backoff_until, slot, schedules) if self.backoff_until else slot

    def _first_slot_from(self, moment: str, slot: datetime | None, schedules: KnownSchedules) -> datetime | None:
        """Return the first planned time that is no earlier than `moment`, and no earlier than `slot`."""
        earliest = parse_iso(moment)
        if slot is None or earliest is None or slot >= earliest or self.definition is None:
            return slot
        return schedules.first_slot_from(self.definition, earliest)

    def to_json(self, schedules: KnownSchedules) -> dict[str, Any]:
        """Return the job with the keys of every `--json` answer."""
        job = self.definition
        slot = self.next_slot(schedules)
        return {
            "job": self.slug,
            "name": self.name,
            "state": self.state,
            "why": self.why,
            "alerts": list(self.alerts),
            "health": self.health.state.value,
            "failures_in_row": self.health.failures_in_row,
            "held": hold_as_json(self.health),
            "slow_start": self.slow_start.to_json() if self.slow_start else None,
            "backoff_until": self.backoff_until,
            "late": f"{self.late_slot:%Y-%m-%dT%H:%M:%S.000Z}" if self.late_slot else None,
            "stale": self.stale,
            "incident": self.incident,
            "silenced_until": self.silenced_until,
            "next": slot.strftime("%Y-%m-%dT%H:%M:%S.000Z") if slot else None,
            "last": self.last.to_json() if self.last else None,
            "running": self.running.to_json() if self.running else None,
            "recent": [outcome or "running" for outcome in self.recent],
            "median_seconds": self.median_seconds,
            "schedule": list(job.schedule or job.fleet_schedule) if job else None,
            "schedule_in_words": schedules.words(job) if job else None,
            "disabled": job.disabled if job else None,
            "tags": list(job.tags) if job else [],
            "owner": job.owner if job else None,
            "description": job.description if job else None,
            "path": self.path,
        }


def hold_as_json(health: Health) -> dict[str, Any] | None:
    """Return the hold with the keys of every `--json` answer; None when there is none."""
    if health.state is not State.HELD:
        return None
    return {
        "since": health.since,
        "by": health.by,
        "why": health.why,
        "kind": health.hold_kind.value if health.hold_kind else None,
        "until": health.release_at,
        "next_probe": health.probe_at,
        "run_id": health.run_id,
        "evidence": health.evidence,
    }


def _schedule(job: Job | None) -> Schedule | None:
    if job is None or not job.schedule:
        return None
    try:
        return Schedule.parse(
            job.schedule, time_zone=job.time_zone or host_zone(), host=uname().nodename, slug=job.slug
        )
    except ScheduleError:
        return None
