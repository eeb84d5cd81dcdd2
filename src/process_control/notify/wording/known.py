"""What is known of the job that a message is about: the end of its run, its history and its file. Reads only.

Nothing here raises: the file may be invalid or gone, the log pruned, the index broken. What is unknown is left out.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from process_control.config.job_secrets import secrets_of
from process_control.config.plan_of_job import included
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.masking import mask
from process_control.core.moments import ISO_TIME, parse_iso
from process_control.core.notice import Notice
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.core.usual import UsualDuration, usual_duration
from process_control.history.index.past_run import Run
from process_control.notify.jobs_now import job_as_it_is
from process_control.state.past_runs import open_index
from process_control.system.clock import iso

#: Of so many good runs the last one before the incident is looked for.
_MAX_GOOD = 50

_UTC: tzinfo = UTC

Record = dict[str, object]
Known = TypeVar("Known")


def known(question: Callable[[], Known], default: Known) -> Known:
    """Return the answer, or `default` whatever keeps it from being known: half a message is better than none."""
    try:
        return question()
    except Exception:  # noqa: BLE001  a message must not fail because one thing in it cannot be found
        return default


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the history says of a job."""

    usual: UsualDuration | None = None
    #: The last run that went well before the incident.
    last_good: Run | None = None
    #: The run that the message is about.
    run: Run | None = None
    #: The records of versions of the job's file since the last good run.
    versions: tuple[Record, ...] = ()
    #: When the host was started, if since the last good run.
    booted_at: float | None = None


class Subject:
    """The job of a message, or the host when it is about no job."""

    def __init__(self, notice: Notice, job: Job | None, settings: Settings, *, zone: tzinfo | None = None) -> None:
        self.notice = notice
        self.incident = notice.incident
        self.settings = settings
        self.zone: tzinfo = zone if zone is not None else known(host_zone, _UTC)
        posted_job = text_of(notice.posted, "job")
        #: Whether what was posted is about a job of this recipient's.
        self.is_posted = posted_job in ("", *notice.jobs) or not notice.jobs
        #: "" for the host.
        self.slug = "" if notice.incident.cause.is_host_wide else _slug(notice, posted_job)
        #: None: its file cannot be read, or it is about the host.
        self.job = job if job is not None and job.slug == self.slug else known(self._load, None)
        none: list[str] = []
        #: Values that are masked in everything.
        self.secrets = known(lambda: secrets_of(self.job)[0], none)
        self.past = known(self._past, Past()) if self.slug else Past()
        self.end = self._end()

    def _load(self) -> Job | None:
        return job_as_it_is(self.slug, self.settings)

    @property
    def name(self) -> str:
        return self.job.name if self.job is not None and self.job.name else self.slug

    @property
    def is_one_of_several(self) -> bool:
        """Whether the message is about other jobs too."""
        return len(self.notice.jobs) > 1

    @property
    def is_of_fleet(self) -> bool:
        """Whether it is about planned times of the fleet, which a control process here has seen."""
        part = self.incident.parts.get(self.slug)
        return part is not None and part.lock != ""

    def masked(self, text: str) -> str:
        return mask(text, self.secrets)

    def _end(self) -> Record:
        """Return the record of the run's end: what was posted, else what the history has of the incident's last run."""
        posted = self.notice.posted.get("end") if self.is_posted else None
        if isinstance(posted, dict):
            return posted
        run = self.past.run
        return {**run.to_json(), "at": run.ended_at} if run is not None and run.outcome is not None else {}

    def _past(self) -> Past:
        with open_index(self.settings.state_directory) as index:
            wanted = self._run_id()
            run = index.runs_by_id([wanted]).get(wanted) if wanted else None
            if run is not None and run.job != self.slug:
                run = None
            good = index.runs(jobs=[self.slug], outcomes=("succeeded", "warned"), limit=_MAX_GOOD)
            before = [each for each in good if each.started_at < self.incident.since] or [
                each for each in good if each.run_id != wanted
            ]
            last_good = before[0] if before else None
            since = last_good.started_at if last_good is not None else None
            boots = index.ledger.boots() if since is not None else []
            booted = boots[-1][0] if boots else None
            return Past(
                usual=usual_duration(index.durations([self.slug]).get(self.slug, [])),
                last_good=last_good,
                run=run,
                versions=tuple(index.ledger.events("version", job=self.slug, since=since)) if since else (),
                booted_at=booted if booted is not None and since is not None and iso(booted) > since else None,
            )

    def _run_id(self) -> str:
        posted = self.notice.posted.get("end")
        if isinstance(posted, dict):
            return text_of(posted, "run_id")
        return self.incident.run_id or ""

    # --- in words --------------------------------------------------------------------------------------------------

    def moment(self, iso_time: str | None, *, seconds: bool = False) -> str:
        """Return an ISO 8601 time as people at that host write it: `Tue 2026-11-24 02:30 CET`."""
        found = parse_iso(iso_time)
        return self.local(found, seconds=seconds) if found is not None else iso_time or ""

    def in_local_time(self, text: str) -> str:
        """Return a sentence with its ISO 8601 times as people write them."""
        return ISO_TIME.sub(lambda found: self.moment(found[0]), text) if "T" in text else text

    def local(self, moment: datetime, *, seconds: bool = False) -> str:
        local = moment.astimezone(self.zone)
        return f"{local:%a %Y-%m-%d %H:%M:%S %Z}" if seconds else f"{local:%a %Y-%m-%d %H:%M %Z}"

    def for_command(self, iso_time: str) -> str:
        """Return a time for a command line: local, with its offset if that local time occurs twice."""
        found = parse_iso(iso_time)
        if found is None:
            return iso_time
        local = found.astimezone(self.zone)
        is_clear = local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()
        return (local.replace(tzinfo=None) if is_clear else local).isoformat(timespec="minutes")

    def next_slot(self) -> str:
        """Return the next planned time, `Tue 2026-11-24 02:30 CET (at 02:30 every day)`; "" when it is unknown."""
        job = self.job
        if job is None or not job.schedule:
            return ""
        if job.disabled:
            return "none: the job is disabled"
        host = "" if self.is_of_fleet else os.uname().nodename
        schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=host, slug=job.slug)
        slot = next(included(job, schedule, self.settings).after(parse_iso(self.notice.at) or datetime.now(UTC)), None)
        return f"{self.local(slot)} ({schedule.in_words()})" if slot is not None else "none"

    def runbook(self) -> str:
        """Return description, owner and the address of the runbook, as the job's file has them."""
        job = self.job
        if job is None:
            return ""
        found = (
            job.description or "",
            f"Owner: {job.owner}" if job.owner else "",
            f"Runbook: {job.owner_runbook}" if job.owner_runbook else "",
        )
        return self.masked("\n".join(line for line in found if line))


def _slug(notice: Notice, posted_job: str) -> str:
    """Return the job of this recipient's that the message is about: the one of what was posted, if it is one."""
    if posted_job in notice.jobs or not notice.jobs:
        return posted_job
    return notice.jobs[0]


def text_of(record: object, name: str) -> str:
    value = record.get(name) if hasattr(record, "get") else None
    return value if isinstance(value, str) else ""


def count_of(number: int, word: str) -> str:
    """Return `1 failed run`, `1,200 failed runs`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
