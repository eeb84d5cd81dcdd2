"""Loads every job of the job directory: maybe thousands of files, most of them unchanged since the last time.

One cache file has all parsed jobs; it is rewritten when more than one job in twenty had to be parsed.
"""

import time
from functools import cache, cached_property
from typing import Any

from process_control.config.cache import read
from process_control.config.job_directory import InvalidJob, JobDirectory, made_with, read_job
from process_control.config.settings import Settings
from process_control.core.digest import version_of
from process_control.core.job import Job, is_slug
from process_control.errors import ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from process_control.config.calendars import Calendars
    from process_control.core.schedule.plan import Plan

CACHE_NAME = "+"  # no slug: the cache file of all jobs


def load_all(settings: Settings) -> list[Job | InvalidJob]:
    """Return every job in the directory, sorted by name; an invalid file becomes an InvalidJob.

    Raises BadConfiguration and NotPermitted when the directory itself cannot be read.
    """
    return LoadedJobs().load(settings)


class LoadedJobs:
    """The jobs of a directory, which are loaded again and again: one whose file is the same stays the same object.

    So nothing but the files is read, and a server does not have each of thousands of jobs twice for a moment.
    """

    def __init__(self) -> None:
        self._made_with: list[Any] = []
        self._known: dict[str, Job] = {}

    def load(self, settings: Settings) -> list[Job | InvalidJob]:
        """Return and raise what `load_all` does."""
        made_with_now = [settings.job_directory, *made_with(settings), host_stamp()]
        known = self._known if made_with_now == self._made_with else {}
        listing = _Listing(settings, made_with_now, known)
        with JobDirectory(settings) as directory:
            found = [
                _load(name, directory, listing)
                for name in directory.names()
                if name.endswith(".yaml") and not name.startswith(".")
            ]
        if not known:
            listing.keep()
        self._made_with, self._known = made_with_now, {job.slug: job for job in found if isinstance(job, Job)}
        return with_causes(found, settings)


def with_causes(jobs: list[Job | InvalidJob], settings: Settings) -> list[Job | InvalidJob]:
    """Return all jobs of a directory, those with `after` planned as their causes, or invalid."""
    if not any(isinstance(job, Job) and job.after for job in jobs):
        return jobs
    from process_control.core.schedule.schedule import host_zone

    by_slug, zone_of_host = {job.slug: job for job in jobs}, cache(host_zone)
    return [
        _planned(job, settings, by_slug, zone_of_host) if isinstance(job, Job) and job.after else job for job in jobs
    ]


def _planned(
    job: Job, settings: Settings, jobs: dict[str, Job | InvalidJob], zone_of_host: "Callable[[], tzinfo]"
) -> Job | InvalidJob:
    from process_control.config.chains import plan_one_of_all

    try:
        plan_one_of_all(job, settings, jobs, zone_of_host)
    except ProcessControlError as error:
        return InvalidJob(job.slug, job.path, error)
    return job


def _load(name: str, directory: JobDirectory, listing: "_Listing") -> Job | InvalidJob:
    slug = name[:-5]
    try:
        if not is_slug(slug):
            from process_control.config.not_found import bad_name

            raise bad_name(slug)
        source, path = directory.read(slug)
        return listing.job(slug, path, source)
    except ProcessControlError as error:
        return InvalidJob(slug, f"{directory.path}/{name}", error)


def host_stamp() -> list[Any]:
    """Return what the plans of all jobs depend on besides the files: the host's name, and the name of its zone."""
    return read.zone_stamp(None)[:2]


class _Listing:
    """The jobs that are known, those in the cache, and those that are parsed now."""

    def __init__(self, settings: Settings, made_with_now: list[Any], known: dict[str, Job]) -> None:
        self._settings = settings
        self._time = time.time()
        self._made_with = made_with_now
        self._known = known
        self._now: dict[str, list[Any]] = {}
        self._parsed = 0
        self._zones: dict[str | None, bool] = {None: True}
        self._states: dict[str, list[int] | None] = {}
        self._calendars: Calendars | None = None
        self._zone_of_host: tzinfo | None = None

    def _zone_is_known(self, time_zone: str | None) -> bool:
        """Return whether the host has the zone, looked up once: an upgrade may have removed its name."""
        if time_zone not in self._zones:
            self._zones[time_zone] = read.zone_is_known(time_zone)
        return self._zones[time_zone]

    def _holds(self, job: Job) -> bool:
        """Return whether what the job depends on besides its file is as it was."""
        return self._zone_is_known(job.time_zone) and self._days_hold(job)

    def _days_hold(self, job: Job) -> bool:
        """Ask the host once for each file of a calendar."""
        return not job.excluded or read.excluded_days_hold(job.excluded, self._time, self._states)

    def _calendars_for(self, job: Job) -> "Calendars | None":
        if self._calendars is None and job.exclude:
            from process_control.config.calendars import Calendars

            self._calendars = Calendars(self._settings, self._time)
        return self._calendars

    @cached_property
    def _earlier(self) -> dict[str, list[Any]]:
        search = self._settings.search
        known = read.read(search.cache_places_now(), search.cache_name(CACHE_NAME))
        if known is None or known.get("made_with") != self._made_with or not isinstance(known.get("jobs"), dict):
            return {}
        jobs: dict[str, list[Any]] = known["jobs"]
        return jobs

    def job(self, slug: str, path: str, source: bytes) -> Job:
        known = self._known.get(slug)
        if known is not None and known.version == version_of(source) and self._holds(known):
            return known
        entry = self._earlier.get(slug)
        try:
            if entry is not None and entry[0].encode() == source:
                job = Job.from_values(entry[1])
                if self._holds(job):
                    self._now[slug] = entry
                    return job
        except (LookupError, ValueError, TypeError, AttributeError):
            pass  # any doubt: parse again
        self._parsed += 1
        job = read_job(slug, path, source, self._settings)
        job.plan_hash = self._plan_of(job).hash(job.version)
        self._now[slug] = [source.decode(), job.to_values()]
        return job

    def _plan_of(self, job: Job) -> "Plan":
        from process_control.config.plan_of_job import plan_of_job
        from process_control.core.schedule.schedule import host_zone

        if self._zone_of_host is None:
            self._zone_of_host = host_zone()
        return plan_of_job(job, self._settings, calendars=self._calendars_for(job), zone_of_host=self._zone_of_host)

    def keep(self) -> None:
        if self._parsed * 20 <= len(self._now):
            return
        import json  # its encoder is in C: thousands of jobs

        from process_control.config.cache import write

        value = {"made_by": read.stamp(), "made_with": self._made_with, "jobs": self._now}
        search = self._settings.search
        write.write_text(search.cache_places_now(), search.cache_name(CACHE_NAME), json.dumps(value))
