"""How all jobs stand, read once for all who look: kept while nothing has changed, for a second at least."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.config.all_jobs import load_all
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.in_charge import InCharge
from process_control.core.job import Job
from process_control.crontab.in_charge import in_charge
from process_control.crontab.left_out import left_out, left_out_in_words
from process_control.crontab.troubles_of_all import troubles_of_all
from process_control.state.past_runs import open_index
from process_control.views.job_status import JobStatus
from process_control.views.status import read_statuses

#: Requests within this time share one look, whatever has changed.
MIN_SECONDS = 1.0
#: What changes by time alone (late, stale, over) is seen after this.
MAX_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How all jobs stood at one moment."""

    #: Counts up with each look that found something else.
    number: int
    #: Of what is shown, to tell whether something else is.
    seen: int
    #: In UTC seconds.
    at: float
    jobs: Sequence[Job | InvalidJob]
    #: Worst first.
    statuses: Sequence[JobStatus]
    schedules: KnownSchedules
    charge: InCharge
    #: Sentences about no single job.
    alerts: Sequence[str]

    def status(self, slug: str) -> JobStatus | None:
        return next((each for each in self.statuses if each.slug == slug), None)


class Watched:
    """The standing of all jobs, looked at again when somebody asks and something has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._last: Standing | None = None
        self._stamp: object = None
        self._checked = 0.0

    def now(self) -> Standing:
        """Return how all jobs stand. Raises ProcessControlError when the job directory cannot be read."""
        with self._lock:
            moment = time.monotonic()
            if self._last is not None and moment - self._checked < MIN_SECONDS:
                return self._last
            stamp = self._changes()
            is_old = self._last is None or time.time() - self._last.at > MAX_SECONDS
            if is_old or stamp != self._stamp or self._last is None:
                self._last = self._look(self._last)
                self._stamp = stamp
            self._checked = time.monotonic()
            return self._last

    def _look(self, last: Standing | None) -> Standing:
        settings, now = self._settings, datetime.now(UTC)
        schedules = KnownSchedules(settings, now)
        jobs = load_all(settings)
        with open_index(settings.state_directory) as index:
            statuses = read_statuses(settings, jobs, index, schedules)
        charge = in_charge(settings)
        alerts = troubles_of_all(settings, jobs, statuses, charge)
        alerts += left_out_in_words(left_out(settings, jobs, statuses))
        schedules.keep()
        seen = _seen(statuses, alerts)
        number = last.number if last is not None else 1
        return Standing(
            number=number if last is not None and seen == last.seen else number + 1,
            seen=seen,
            at=now.timestamp(),
            jobs=jobs,
            statuses=statuses,
            schedules=schedules,
            charge=charge,
            alerts=alerts,
        )

    def _changes(self) -> object:
        """Return what differs when a run began or ended, a job file or a hold changed, or an incident."""
        settings = self._settings
        state = settings.state_directory
        journal = layout.journal(state)
        newest = max((name for name in _names(journal)), default="")
        places = [
            f"{journal}/{newest}",
            settings.job_directory,
            layout.open_incidents(state),
            layout.silences(state),
            layout.scheduler_note(state),
            layout.refusals(state),
            settings.run_directory,
            settings.output_crontab,
        ]
        files = [f"{settings.job_directory}/{name}" for name in _names(settings.job_directory)]
        return [_stamp(place) for place in (*places, *files)]


def _seen(statuses: Sequence[JobStatus], alerts: Sequence[str]) -> int:
    return hash(
        (
            tuple(alerts),
            *(
                (each.slug, each.state, each.why, each.alerts, each.recent, each.silenced_until, each.incident,
                 each.running.run_id if each.running else None, each.last.run_id if each.last else None)
                for each in statuses
            ),
        )
    )  # fmt: skip


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
