"""What a host of the fleet answers besides its runs: pieces of its logs, and what it knows of itself."""

import asyncio
import time
from dataclasses import replace

from temporalio import activity

from process_control import __version__
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.errors import ProcessControlError
from process_control.fleet.output import piece
from process_control.fleet.wire import LOG, LOOK, HostReport, LogAsked, LogPiece
from process_control.state.past_runs import open_index
from process_control.system.checkout import head_of


class HostAnswers:
    """The activities `log` and `look`. `host`: what this host is called in the fleet."""

    def __init__(self, settings: Settings, *, host: str) -> None:
        self._settings = settings
        self._host = host

    @activity.defn(name=LOG)
    async def log(self, asked: LogAsked) -> LogPiece:
        """Return a piece of the log of a run."""
        return await asyncio.to_thread(self._log, asked)

    def _log(self, asked: LogAsked) -> LogPiece:
        with open_index(self._settings.state_directory) as index:
            run = index.runs_by_id([asked.run_id]).get(asked.run_id)
        if run is None:
            return LogPiece(output="", began="", older=None, fault=f"the history of {self._host} has no such run")
        try:
            output, older, doubts = piece(self._settings, run, asked.before)
        except ProcessControlError as error:
            return LogPiece(output="", began=run.started_at, older=None, fault=error.faults[0].what)
        return LogPiece(output=output, began=run.started_at, older=older, doubts=tuple(doubts))

    @activity.defn(name=LOOK)
    async def look(self) -> HostReport:
        """Return version, clock, commit of the job directory and hashes of the job files."""
        ahead, began = time.time() - activity.info().started_time.timestamp(), time.monotonic()
        report = await asyncio.to_thread(self._look, ahead)
        return replace(report, looked_seconds=round(time.monotonic() - began, 3))

    def _look(self, ahead: float) -> HostReport:
        settings = self._settings
        head = head_of(settings.job_directory)
        jobs = load_all(settings)
        hashes = {
            job.slug: None if isinstance(job, InvalidJob) else job.version
            for job in jobs
            if isinstance(job, InvalidJob) or belongs_to_fleet(job.run_on, settings.fleet_address)
        }
        return HostReport(
            host=self._host,
            version=__version__,
            clock_ahead_seconds=round(ahead, 3),
            commit=None if head is None else head.id,
            is_dirty=head is not None and head.is_dirty,
            tags=tuple(settings.fleet_tags),
            hashes=hashes,
        )
