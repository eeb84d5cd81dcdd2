"""Read versions, runs, skips and rare events of jobs for the ledger.

New versions of job files are recorded too, if the caller may write.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import BY_HAND
from process_control.core.job import Job
from process_control.core.schedule.slots import Hold, JobHistory, Record, Refusal, SlotRun
from process_control.core.schedule.version import Version
from process_control.core.schedule.version_records import makes_sense, moment_in, versions_of
from process_control.history.index.clocks import TrueClock
from process_control.history.index.index import Index
from process_control.history.journal_reader import of_days
from process_control.state.early_run import MIN_AHEAD_SECONDS
from process_control.state.job_versions import newest_versions, record_versions
from process_control.system.clock import DAY_SECONDS, iso

WAITING_MARGIN_SECONDS = 60.0
#: Up to so many jobs the index is queried job by job; beyond that once for the whole window.
MAX_ASKED_ONE_BY_ONE = 50
MAX_YEAR_SECONDS = 366 * DAY_SECONDS


class JobHistories:
    """The histories of all jobs of one configuration, as known at the moment `now` (UTC seconds)."""

    def __init__(self, settings: Settings, jobs: Sequence[Job | InvalidJob], index: Index, *, now: float) -> None:
        """Read the versions. `jobs` are all jobs of the directory."""
        self.now = now
        self._settings = settings
        self._jobs = {job.slug: job for job in jobs}
        self._index = index
        self._clock = index.ledger.true_clock()
        #: The versions of each job, rising, with the present one.
        self.versions = Versions(self._record_and_read(jobs), self._clock)

    @cached_property
    def oldest_day(self) -> float:
        """When the oldest kept day of the journal began, in UTC seconds."""
        oldest = self._index.ledger.oldest_day()
        return (moment_in({"day": f"{oldest}T00:00:00Z"}, "day") or 0.0) if oldest is not None else 0.0

    def begins(self, job: str) -> float | None:
        """Return the time from which a job's slots are counted (UTC seconds); None for a job without versions."""
        versions = self.versions.get(job)
        return max(versions[0].since, self.oldest_day) if versions else None

    def of(self, jobs: Sequence[str], after: float, until: float) -> list[JobHistory]:
        """Return the histories of these jobs for slots in (after, until] (UTC seconds)."""
        asked = [job for job in dict.fromkeys(jobs) if job in self.versions]
        wanted = self._with_their_causes(asked)
        since, end = iso(max(0.0, after)), iso(max(0.0, min(until, self.now + MAX_YEAR_SECONDS)))
        runs, skips = self._runs_and_skips(wanted, since, end)
        of_causes: dict[str, JobHistory] = {}
        events = _Events(self._index, self._clock, wanted[0] if len(wanted) == 1 else None)
        histories = {
            job: JobHistory(
                job=job,
                versions=self.versions[job],
                begins=self.oldest_day,
                runs=runs.get(job, {}),
                skips=skips.get(job, {}),
                refusals=events.refusals[job],
                marks=events.marks[job],
                holds=events.holds(job),
                waiting=self._waiting(job, events),
                causes=of_causes,
            )
            for job in wanted
        }
        of_causes.update(histories)
        return [histories[job] for job in asked]

    def _with_their_causes(self, jobs: Sequence[str]) -> list[str]:
        """Return the jobs, and those that the plans of their versions name in `after`, through the chain."""
        found, coming = dict.fromkeys(jobs), list(jobs)
        while coming:
            for version in self.versions[coming.pop()]:
                for cause, _ in version.plan.after if version.plan is not None else ():
                    if cause not in found and cause in self.versions:
                        found[cause] = None
                        coming.append(cause)
        return list(found)

    def _record_and_read(self, jobs: Sequence[Job | InvalidJob]) -> dict[str, list[dict[str, Any]]]:
        """Return the records of versions by job, in their order; record those that are new."""
        records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in self._index.ledger.events("version"):
            if makes_sense(record):
                records[str(record.get("job"))].append(record)
        for slug, record in newest_versions(self._settings.state_directory, but_of=records).items():
            if makes_sense(record):
                records[slug].append(record)
        for of_job in records.values():
            if len(of_job) > 1:
                of_job.sort(key=lambda each: self._clock.moment(each, "at") or 0.0)
        newest = {slug: of_job[-1] for slug, of_job in records.items()}
        for new in record_versions(self._settings, jobs, newest, by=_who(), is_all=True, now=self.now):
            records[str(new["job"])].append(new)
        return records

    def _runs_and_skips(
        self, jobs: Sequence[str], since: str, until: str
    ) -> tuple[dict[str, dict[int, list[SlotRun]]], dict[str, dict[int, Record]]]:
        runs: dict[str, dict[int, list[SlotRun]]] = {}
        skips: dict[str, dict[int, Record]] = {}
        wanted = set(jobs)
        rows = self._index.ledger.of_slots(jobs if len(jobs) <= MAX_ASKED_ONE_BY_ONE else None, since, until)
        open_runs = {run.run_id: run for run in self._index.open_runs()} if any(row[3] is None for row in rows) else {}
        for job, at, run_id, outcome, reason, started_at, late, parts, detail, by, ended_at in rows:
            slot = _whole(moment_in({"at": at}, "at"))
            if job not in wanted or slot is None:
                continue
            if outcome == "skipped":
                skips.setdefault(job, {})[slot] = Record(started_at, reason, detail, by, run_id)
                continue
            if outcome is None and run_id in open_runs:
                outcome, reason = open_runs[run_id].outcome, open_runs[run_id].reason
            run = SlotRun(run_id, outcome, reason, started_at, late, parts, detail, ended_at=ended_at)
            runs.setdefault(job, {}).setdefault(slot, []).append(run)
        if self._clock.wrong_times:
            for job, of_job in runs.items():
                self._put_early_ones_first(job, of_job)
        return runs, skips

    def _put_early_ones_first(self, job: str, runs: dict[int, list[SlotRun]]) -> None:
        """Of several runs of a slot, find those that began before its true time, because the clock was ahead.

        The index has no `up` of starts, so the journal is read, of the days on which that was.
        """
        several = {slot: of_slot for slot, of_slot in runs.items() if len(of_slot) > 1}
        days = {run.started_at[:10] for of_slot in several.values() for run in of_slot}
        starts = of_days(self._settings.state_directory, days, needle=f'"job":{json.dumps(job)}') if days else ()
        began = {start.get("run_id"): self._clock.moment(start, "at") for start in starts if start["event"] == "start"}
        for slot, of_slot in several.items():
            found = [_with_ahead(run, slot, began.get(run.run_id)) for run in of_slot]
            runs[slot] = sorted(found, key=lambda run: run.ahead_seconds is None)

    def _waiting(self, slug: str, events: "_Events") -> dict[int, str]:
        job = self._jobs.get(slug)
        if not isinstance(job, Job):
            return {}
        of_causes = [each["within_seconds"] or job.start_within_seconds for each in job.after]
        longest = max(job.queue_timeout_seconds, job.jitter_seconds or 0.0, *of_causes) + WAITING_MARGIN_SECONDS
        return {slot: words for slot, (at, words) in events.waiting[slug].items() if self.now - at <= longest}


class Versions(Mapping[str, Sequence[Version]]):
    """The versions of each job, parsed on demand, since most queries are about one job."""

    def __init__(self, records: Mapping[str, Sequence[Mapping[str, Any]]], clock: TrueClock) -> None:
        self._records = records
        self._clock = clock
        self._made: dict[str, Sequence[Version]] = {}

    def __getitem__(self, job: str) -> Sequence[Version]:
        if job not in self._made:
            self._made[job] = versions_of(self._records[job], self._clock.moment)
        return self._made[job]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, job: object) -> bool:
        return job in self._records


class _Events:
    """The rare events of the jobs, by job and slot; of a single job if one is given."""

    def __init__(self, index: Index, clock: TrueClock, job: str | None) -> None:
        self._index = index
        self._clock = clock
        self._job = job
        self.refusals: dict[str, list[Refusal]] = defaultdict(list)
        self.marks: dict[str, dict[int, Record]] = defaultdict(dict)
        self.waiting: dict[str, dict[int, tuple[float, str]]] = defaultdict(dict)
        for at, event in self._events("refusal"):
            slot = _slot_of(event)
            if slot is not None or event.get("trigger") not in BY_HAND:  # by hand: of no planned time
                self.refusals[_job_of(event)].append(Refusal(at, slot, _record(event)))
        for _, event in self._events("mark"):
            if (slot := _slot_of(event)) is not None:
                self.marks[_job_of(event)][slot] = _record(event, reason="marked", detail=event.get("note"))
        for at, event in self._events("waiting"):
            if (slot := _slot_of(event)) is not None:
                self.waiting[_job_of(event)][slot] = at, str(event.get("detail") or "")
        self._changes: dict[str, list[tuple[float, dict[str, Any]]]] = defaultdict(list)
        for kind in ("hold", "release"):
            for at, event in self._events(kind):
                self._changes[_job_of(event)].append((at, event))

    def _events(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        """Return the events of a kind with their times, rising, without those with an invalid time."""
        events = self._index.ledger.events(kind, job=self._job)
        found = [(at, event) for event in events if (at := self._clock.moment(event, "at")) is not None]
        return sorted(found, key=lambda each: each[0])

    def holds(self, job: str) -> list[Hold]:
        """Return the times in which the job was held, by the records of holds and releases."""
        found: list[Hold] = []
        for at, event in sorted(self._changes[job], key=lambda change: change[0]):
            if found and (found[-1].until is None or found[-1].until > at):
                last = found.pop()
                found.append(Hold(last.since, at, last.record))
            if event["event"] == "hold":
                found.append(Hold(at, self._clock.moment(event, "until"), _record(event)))
        return found


def _with_ahead(run: SlotRun, slot: int, began: float | None) -> SlotRun:
    if began is None or began >= slot - MIN_AHEAD_SECONDS:
        return run
    return replace(run, ahead_seconds=slot - began)


def _record(event: Mapping[str, Any], **changed: Any) -> Record:
    values = {name: event.get(name) for name in ("reason", "detail", "by", "run_id")} | changed
    return Record(str(event["at"]), **values)


def _job_of(event: Mapping[str, Any]) -> str:
    return str(event.get("job"))


def _slot_of(event: Mapping[str, Any]) -> int | None:
    return _whole(moment_in(event, "scheduled_at"))


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _who() -> str:
    from process_control.system.account import account_of

    return account_of(os.geteuid()).name
