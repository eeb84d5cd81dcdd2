"""What the checks of `doctor` look at: the settings, the jobs and the moment."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.system.account import Account
from process_control.system.cron_daemon import Daemon
from process_control.views.job_status import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at everything."""

    settings: Settings
    #: The account that jobs run as.
    account: Account
    #: All of the job directory.
    jobs: Sequence[Job | InvalidJob]
    statuses: Sequence[JobStatus]
    #: UTC seconds
    now: float
    #: The cron daemons of the host, as far as we could see them.
    daemons: Sequence[Daemon] = ()
    #: Whether we began as root, and could see the environment of daemons.
    was_root: bool = False
    #: The directory with the command `run-job`, for jobs that call it.
    own_commands: str | None = None
    #: Garbled files of the journal, in words.
    garbled: Sequence[str] = field(default=())
    #: Files of the journal that were edited since the index read them.
    edited: Sequence[str] = ()

    @property
    def valid_jobs(self) -> list[Job]:
        return [job for job in self.jobs if isinstance(job, Job)]

    @property
    def is_service_user(self) -> bool:
        """Whether we see what a run would see."""
        return os.geteuid() in (0, self.account.uid)
