"""Keeps the plan of the scheduler what the job files, the configuration and the time zones say."""

import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

from process_control.config.cache.read import zone_stamp
from process_control.config.settings import Settings
from process_control.core.schedule.dispatch import Dispatch
from process_control.core.start_queue import Limits
from process_control.errors import ProcessControlError
from process_control.scheduler.changed_files import ChangedFiles
from process_control.scheduler.new_settings import take_over_the_configuration
from process_control.scheduler.output import say
from process_control.scheduler.planned_jobs import planned_jobs, zone_in


def boottime() -> float:
    """Return the seconds since the boot, sleep included: a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Plans:
    """`has_planned` is called after each reload that has succeeded."""

    def __init__(self, settings: Settings, dispatch: Dispatch, has_planned: Callable[[], None]) -> None:
        self._settings = settings
        self._dispatch = dispatch
        self._has_planned = has_planned
        self._files = ChangedFiles(settings)
        self._zones: object = None
        #: when the job files were looked at last
        self._scanned: float | None = None
        #: why the last reload left the plan as it was
        self._fault = ""

    def in_words(self) -> str:
        count = len(self._dispatch.jobs)
        return "1 job is planned" if count == 1 else f"{count} jobs are planned"

    def plan(self) -> None:
        """Read the job files. What they plan since they were looked at before is due.

        Raises BadConfiguration and NotPermitted when the job directory cannot be read.
        """
        scanning, stamps = boottime(), self._files.before_reading()
        now = time.time()
        since = now if self._scanned is None else now - (scanning - self._scanned)
        self._dispatch.limits = Limits(self._settings.max_concurrent, self._settings.pools)
        self._dispatch.plan(planned_jobs(self._settings, self._dispatch.jobs, now=now), now, since=since)
        self._files.were_read(stamps)
        self._scanned = scanning

    def reload(self) -> None:
        """Read configuration and job files again. What cannot be read leaves the plan as it is."""
        try:
            take_over_the_configuration(self._settings)
            self.plan()
        except (ProcessControlError, OSError) as error:
            if str(error) != self._fault:
                say(f"reload: {error}")
            self._fault = str(error)
        else:
            self._fault = ""
            say(f"reloaded: {self.in_words()}")
            self._has_planned()

    def reload_when_changed(self) -> None:
        self._read_changed_zones()
        if self._files.have_changed():
            self.reload()
        else:
            self._scanned = boottime()

    def _read_changed_zones(self) -> None:
        """Plan anew by the rules of now, when the data of a time zone were replaced."""
        zones = sorted({zone_in(job.key) or "" for job in self._dispatch.jobs.values()})
        stamp = [zone_stamp(zone or None) for zone in zones]
        if self._zones is not None and self._zones != stamp:
            say("the data of time zones have changed")
            ZoneInfo.clear_cache()
            self._dispatch.rewind(time.time(), boottime())
        self._zones = stamp
