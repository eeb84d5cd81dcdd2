"""The ledger: every planned time of the jobs with its fate, made of the journal and of the job files as they are.

Who looks, and may write, records versions that nobody has seen before.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.causes import Absence, cause_of
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import (
    DUE,
    MISSED,
    VALID,
    Hold,
    JobHistory,
    Record,
    Refusal,
    Slot,
    SlotRun,
    Version,
    count,
    slots_of,
)
from process_control.history.index.index import Index
from process_control.state.job_versions import newest_versions, record_versions
from process_control.system.clock import iso
from process_control.views.host_history import HostHistory

WAITING_MARGIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that shows why a slot has its fate. `at` is ISO 8601, or None."""

    at: str | None
    what: str


@dataclass(slots=True, kw_only=True)
class Account:
    """A slot with its evidence."""

    slot: Slot
    evidence: list[Evidence] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the slot with the keys of every `--json` answer."""
        slot, run = self.slot, self.slot.run
        return {
            "job": slot.job,
            "slot": iso(slot.slot),
            "fate": slot.fate,
            "reason": slot.reason,
            "cause": slot.cause,
            "run_id": run.run_id if run else None,
            "outcome": run.outcome if run else None,
            "late_seconds": run.late_seconds if run else None,
            "late_parts": late_parts(run) if run else None,
            "evidence": [{"at": each.at, "what": each.what} for each in self.evidence],
        }


def late_parts(run: SlotRun) -> Any:
    """Return of what a run's lateness is made, in seconds; None when it is not known."""
    if isinstance(run.late_parts, str):
        import json

        return json.loads(run.late_parts)
    return run.late_parts


class Ledger:
    """The slots of all jobs of one configuration, as seen at one moment."""

    def __init__(self, settings: Settings, jobs: Sequence[Job | InvalidJob], index: Index, *, now: float) -> None:
        """`jobs` are all of the directory."""
        self.now = now
        self._settings = settings
        self._jobs = {job.slug: job for job in jobs}
        self._index = index
        self._versions = self._read_versions(jobs)
        self._host = HostHistory(index, self._plans, now=now, state_directory=settings.state_directory)

    @property
    def known_jobs(self) -> list[str]:
        """The slugs of all jobs that have a ledger, those that are gone too."""
        return sorted(self._versions)

    def accounts(self, jobs: Sequence[str], *, after: float, until: float) -> list[Account]:
        """Return the slots of these jobs in (after, until], by time, each with its fate, cause and evidence."""
        histories = self._histories(jobs, after, until)
        found = [
            self._account(slot)
            for history in histories
            for slot in slots_of(history, after=after, until=until, now=self.now)
        ]
        return sorted(found, key=lambda account: (account.slot.slot, account.slot.job))

    def counts(self, jobs: Sequence[str], *, after: float, until: float) -> dict[str, dict[str, int]]:
        """Return how many slots of each fate each job has."""
        return {
            history.job: count(slots_of(history, after=after, until=until, now=self.now))
            for history in self._histories(jobs, after, until)
        }

    def begins(self, job: str) -> float | None:
        """Return from when on a job's slots are counted (UTC seconds); None for a job without a ledger."""
        versions = self._versions.get(job)
        return max(versions[0].since, self._oldest_day) if versions else None

    def _account(self, slot: Slot) -> Account:
        account = Account(slot=slot)
        if slot.fate == MISSED:
            slot.cause, what, at = cause_of(slot, self._host.host, self._absences.get(slot.job, ()))
            account.evidence.append(Evidence(None if at is None else iso(at), what))
        record = slot.record
        if record is not None and slot.fate != MISSED:
            by = f" by {record.by}" if record.by else ""
            account.evidence.append(Evidence(record.at, f"{slot.reason or ''}{by}: {record.detail or ''}".strip(": ")))
        if slot.fate == DUE and slot.detail:
            account.evidence.append(Evidence(None, f"waits: {slot.detail}"))
        account.evidence += [
            Evidence(run.started_at, f"run {run.run_id} for the same time: {run.outcome or 'running'}")
            for run in slot.others
        ]
        return account

    # --- what is read ------------------------------------------------------------------------------------------------

    def _read_versions(self, jobs: Sequence[Job | InvalidJob]) -> dict[str, list[Version]]:
        """Return the versions of every job, rising, the present ones too."""
        records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in self._index.ledger.events("version"):
            records[str(record.get("job"))].append(record)
        for slug, record in newest_versions(self._settings.state_directory).items():
            marks = [(each.get("hash"), each.get("at")) for each in records[slug]]
            if (record["hash"], record.get("at")) not in marks:
                records[slug].append(record)
                records[slug].sort(key=lambda each: str(each.get("at")))
        newest = {slug: each[-1] for slug, each in records.items() if each}
        for new in record_versions(self._settings, jobs, newest, by=_who(), is_all=True, now=self.now):
            records[str(new["job"])].append(new)
        found = {slug: [version_of(each) for each in of_job] for slug, of_job in records.items()}
        versions = {slug: [version for version in of_job if version] for slug, of_job in found.items()}
        return {slug: _distinct(of_job) for slug, of_job in versions.items() if of_job}

    @cached_property
    def _absences(self) -> Mapping[str, Sequence[Absence]]:
        from process_control.views.crontab_history import absences

        first = {slug: versions[0].since for slug, versions in self._versions.items()}
        has_starts = self._index.ledger.last_start("~") is not None
        return absences(self._index.ledger.events("crontab"), first, has_starts=has_starts)

    def _plans(self) -> Iterable[tuple[str, Plan]]:
        """Yield what each job plans now."""
        for slug, versions in self._versions.items():
            newest = versions[-1]
            if newest.state == VALID and newest.plan is not None and not newest.plan.disabled:
                yield slug, newest.plan

    @cached_property
    def _oldest_day(self) -> float:
        """When the oldest kept day of the journal began, in UTC seconds."""
        oldest = self._index.ledger.oldest_day()
        return 0.0 if oldest is None else _seconds(f"{oldest}T00:00:00Z")

    def _histories(self, jobs: Sequence[str], after: float, until: float) -> list[JobHistory]:
        wanted = [job for job in dict.fromkeys(jobs) if job in self._versions]
        since, end = iso(max(0.0, after)), iso(min(until, self.now + 86400 * 366))
        runs, skips = self._runs_and_skips(wanted, since, end)
        events = _EventsOf(self._index, wanted[0] if len(wanted) == 1 else None)
        return [
            JobHistory(
                job=job,
                versions=self._versions[job],
                begins=self._oldest_day,
                runs=runs.get(job, {}),
                skips=skips.get(job, {}),
                refusals=events.refusals[job],
                marks=events.marks[job],
                holds=events.holds(job),
                waiting=self._waiting(job, events),
            )
            for job in wanted
        ]

    def _runs_and_skips(
        self, jobs: Sequence[str], since: str, until: str
    ) -> tuple[dict[str, dict[int, list[SlotRun]]], dict[str, dict[int, Record]]]:
        runs: dict[str, dict[int, list[SlotRun]]] = {}
        skips: dict[str, dict[int, Record]] = {}
        wanted = set(jobs)
        rows = self._index.ledger.of_slots(jobs if len(jobs) <= MAX_ASKED_ONE_BY_ONE else None, since, until)
        open_runs = {run.run_id: run for run in self._index.open_runs()} if any(row[3] is None for row in rows) else {}
        for job, at, run_id, outcome, reason, started_at, late, parts, detail, by in rows:
            if job not in wanted:
                continue
            slot = int(_seconds(at))
            if outcome == "skipped":
                skips.setdefault(job, {})[slot] = Record(started_at, reason, detail, by, run_id)
                continue
            if outcome is None and run_id in open_runs:
                outcome, reason = open_runs[run_id].outcome, open_runs[run_id].reason
            run = SlotRun(run_id, outcome, reason, started_at, late, parts, detail)
            runs.setdefault(job, {}).setdefault(slot, []).append(run)
        return runs, skips

    def _waiting(self, slug: str, events: "_EventsOf") -> dict[int, str]:
        job = self._jobs.get(slug)
        if not isinstance(job, Job):
            return {}
        longest = max(job.queue_timeout_seconds, job.jitter_seconds or 0.0) + WAITING_MARGIN_SECONDS
        return {slot: words for slot, (at, words) in events.waiting[slug].items() if self.now - at <= longest}


#: Of so many jobs the index is asked one by one; of more it is asked about the window.
MAX_ASKED_ONE_BY_ONE = 50


class _EventsOf:
    """The rare events of the jobs, by job and slot; of one job only when it is named."""

    def __init__(self, index: Index, job: str | None) -> None:
        self._index = index
        self._job = job
        self.refusals: dict[str, list[Refusal]] = defaultdict(list)
        self.marks: dict[str, dict[int, Record]] = defaultdict(dict)
        self.waiting: dict[str, dict[int, tuple[float, str]]] = defaultdict(dict)
        for event in self._events("refusal"):
            slot = _slot_of(event)
            self.refusals[_job_of(event)].append(Refusal(_seconds(event["at"]), slot, _record(event)))
        for event in self._events("mark"):
            if (slot := _slot_of(event)) is not None:
                self.marks[_job_of(event)][slot] = _record(event, reason="marked", detail=event.get("note"))
        for event in self._events("waiting"):
            if (slot := _slot_of(event)) is not None:
                self.waiting[_job_of(event)][slot] = _seconds(event["at"]), str(event.get("detail") or "")
        self._changes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for kind in ("hold", "release"):
            for event in self._events(kind):
                self._changes[_job_of(event)].append(event)

    def _events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self._index.ledger.events(kind, job=self._job) if isinstance(event.get("at"), str)]

    def holds(self, job: str) -> list[Hold]:
        """Return when the job was held, by the records of holds and releases."""
        found: list[Hold] = []
        for event in sorted(self._changes[job], key=lambda event: str(event["at"])):
            at = _seconds(event["at"])
            if found and (found[-1].until is None or found[-1].until > at):
                last = found.pop()
                found.append(Hold(last.since, at, last.record))
            if event["event"] == "hold":
                until = event.get("until")
                found.append(Hold(at, _seconds(until) if isinstance(until, str) else None, _record(event)))
        return found


def version_of(record: Mapping[str, Any]) -> Version | None:
    """Return the version that a record tells of; None when it makes no sense."""
    try:
        state = str(record["state"])
        return Version(
            since=_seconds(record["since"]),
            state=state,
            hash=str(record["hash"]),
            plan=Plan.from_record(record) if state == VALID else None,
            detail=record.get("detail"),
            commit=record.get("commit"),
            author=record.get("author"),
            dirty=record.get("dirty"),
        )
    except (LookupError, ValueError, TypeError):
        return None


def _distinct(versions: Iterable[Version]) -> list[Version]:
    """Return the versions in their order, without those that two have recorded at once, or that begin too early."""
    found: list[Version] = []
    for version in versions:
        if found and found[-1].hash == version.hash:
            continue
        while found and found[-1].since >= version.since:
            found.pop()
        found.append(version)
    return found


def _record(event: Mapping[str, Any], **changed: Any) -> Record:
    values = {name: event.get(name) for name in ("reason", "detail", "by", "run_id")} | changed
    return Record(str(event["at"]), **values)


def _job_of(event: Mapping[str, Any]) -> str:
    return str(event.get("job"))


def _slot_of(event: Mapping[str, Any]) -> int | None:
    slot = event.get("scheduled_at")
    return int(_seconds(slot)) if isinstance(slot, str) else None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _who() -> str:
    from process_control.system.account import account_of

    return account_of(os.geteuid()).name
