"""How jobs stand, looked at again and again: only what has changed is read again.

Whatever happens to a job leaves a line in the journal, but that a runner is killed; so the jobs of new lines are read
again, those that run, and now and then all.
"""

import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.history.index.index import Index
from process_control.views.job_status import JobStatus
from process_control.views.status import read_statuses, worst_first

#: After so long everything is read again: files edited in place, planned times that became late, what no line reported.
ALL_AGAIN_SECONDS = 20.0
#: Jobs whose statuses are there twice while they are read again.
MAX_AT_ONCE = 1000
_JOB = re.compile(rb'"job": ?"([A-Za-z0-9_-]+)"')

Jobs = Sequence[Job | InvalidJob]
Value = TypeVar("Value")


class LiveStatuses:
    """The statuses of the jobs that `choose` returns, kept up to date by `look`."""

    def __init__(self, settings: Settings, choose: Callable[[], Jobs], open_index: Callable[[str], Index]) -> None:
        self._settings = settings
        self._choose = choose
        self._open_index = open_index
        self._jobs: dict[str, Job | InvalidJob] = {}
        self._statuses: dict[str, JobStatus] = {}
        self._schedules: KnownSchedules | None = None
        #: When everything was read the last time.
        self.read_all_at: datetime | None = None
        self._directory: int | None = None
        self._journal = _JournalEnds(settings.state_directory)

    @property
    def jobs(self) -> Jobs:
        return list(self._jobs.values())

    def look(self, now: datetime) -> tuple[list[JobStatus], KnownSchedules]:
        """Return the statuses at the moment `now` (aware), worst first, and the schedules for it."""
        read_all_at, self.read_all_at = self.read_all_at, None  # after a fault all is read again
        directory = _changed_at(self._settings.job_directory)
        is_old = read_all_at is None or not 0 <= (now - read_all_at).total_seconds() < ALL_AGAIN_SECONDS
        named = self._journal.jobs_of_new_lines()
        if self._schedules is None or is_old or directory != self._directory:
            # Those that are the same stay the same objects: two of each of thousands would be much memory.
            self._jobs = {job.slug: _same(self._jobs.get(job.slug), job) for job in self._choose()}
            self._schedules = KnownSchedules(self._settings, now, earlier=self._schedules)
            before, self._statuses = self._statuses, {}
            read_all_at, self._directory = now, directory
            changed = list(self._jobs.values())
        else:
            before = self._statuses
            self._schedules.now = now
            named |= {slug for slug, status in self._statuses.items() if status.running is not None}
            changed = [self._jobs[slug] for slug in named & self._jobs.keys()]
        if changed:
            self._read(changed, before, self._schedules)
        self.read_all_at = read_all_at
        return worst_first(self._statuses.values()), self._schedules

    def _read(self, jobs: Jobs, before: dict[str, JobStatus], schedules: KnownSchedules) -> None:
        """Read how these jobs stand; some at a time, so that few are there twice."""
        with self._open_index(self._settings.state_directory) as index:
            for first in range(0, len(jobs), MAX_AT_ONCE):
                read = read_statuses(self._settings, jobs[first : first + MAX_AT_ONCE], index, schedules)
                self._statuses |= {each.slug: _same(before.get(each.slug), each) for each in read}


def _same(before: Value | None, now: Value) -> Value:
    if before is now:  # to compare a job with itself takes longer than to find it unchanged
        return now
    return before if before is not None and before == now else now


class _JournalEnds:
    """How far the files of the journal have been read."""

    def __init__(self, state_directory: str) -> None:
        self._state_directory = state_directory
        self._ends: dict[str, int] = {}

    def jobs_of_new_lines(self) -> set[str]:
        """Return the slugs of the jobs that lines written since the last look name."""
        found: set[str] = set()
        for name in self._names():
            path = layout.journal_file(self._state_directory, name)
            try:
                with open(path, "rb") as file:
                    end = file.seek(0, os.SEEK_END)
                    before = self._ends.get(name, end if not self._ends else 0)
                    file.seek(min(before, end))
                    found |= {slug.decode("ascii") for slug in _JOB.findall(file.read())}
            except OSError:
                continue
            self._ends[name] = end
        return found

    def _names(self) -> list[str]:
        """Return the last two days: a run that began before midnight may end its line after it."""
        try:
            names = os.listdir(layout.journal(self._state_directory))
        except OSError:
            return []
        return sorted(name for name in names if name.endswith(layout.DAYS[0]))[-2:]


def _changed_at(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
