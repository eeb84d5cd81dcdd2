"""The job that a question is about, with all that is read for an answer; also what `exec` ran under a name."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.version import Version
from process_control.history.index.index import Index
from process_control.state.ad_hoc import kept_job
from process_control.views.job_status import JobStatus
from process_control.views.slots import Ledger
from process_control.views.status import read_statuses


class AskedJob:
    """A job, or a command of `exec`, as known at one moment."""

    def __init__(
        self,
        slug: str,
        jobs: Sequence[Job | InvalidJob],
        settings: Settings,
        index: Index,
        ledger: Ledger,
        schedules: KnownSchedules,
        zone: tzinfo,
    ) -> None:
        self.slug = slug
        #: The job of its file; None when the file is gone.
        self.job = next((job for job in jobs if job.slug == slug), None)
        #: What `exec` ran under this name.
        self.command = kept_job(settings, slug) if self.job is None else None
        self.settings = settings
        self.index = index
        self.schedules = schedules
        self.zone = zone
        self.now: datetime = schedules.now
        self.ledger = ledger
        self.versions: Sequence[Version] = ledger.versions(slug)
        known = self.job or self.command
        found = [] if known is None else read_statuses(settings, [known], index, schedules)
        self.status: JobStatus | None = found[0] if found else None
