"""The ledger: every planned time of the jobs, with its fate, its cause and the evidence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.chain import CAUSE_MISSING
from process_control.core.job import Job
from process_control.core.moments import span
from process_control.core.places import waits_in_words
from process_control.core.schedule.causes import OTHER_TRIGGERS, Absence, cause_of
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import DUE, MISSED, RAN, Slot, SlotRun, count, slots_of
from process_control.core.schedule.version import VALID, Version
from process_control.core.schedule.version_records import moment_in
from process_control.history.index.index import Index
from process_control.state.unrecorded import read_note
from process_control.system.clock import iso
from process_control.views.crontab_history import CrontabHistory
from process_control.views.host_history import HostHistory, PlanInForce
from process_control.views.job_histories import MAX_ASKED_ONE_BY_ONE, JobHistories
from process_control.views.made_up import MadeUp, instead_of, made_up_since

#: So many runs back a start by something else than cron is looked for.
LATELY = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that shows why a slot has its fate. `at` is ISO 8601, or None."""

    at: str | None
    what: str


@dataclass(slots=True)
class Account:
    """A slot with its evidence."""

    slot: Slot
    evidence: Sequence[Evidence]

    @property
    def planned(self) -> str:
        """The planned time as ISO 8601."""
        return _iso(self.slot.slot)

    def to_json(self) -> dict[str, Any]:
        """Return the slot with the keys of every `--json` answer."""
        slot = self.slot
        run = slot.run
        return {
            "job": slot.job,
            "slot": _iso(slot.slot),
            "fate": slot.fate,
            "reason": slot.reason,
            "cause": slot.cause,
            "run_id": run.run_id if run else None,
            "outcome": run.outcome if run else None,
            "late_seconds": run.late_seconds if run else None,
            "late_parts": late_parts(run) if run else None,
            "evidence": [{"at": each.at, "what": each.what} for each in self.evidence],
        }


def _with_evidence(found: tuple[str, str, float | None]) -> tuple[str, Sequence[Evidence]]:
    cause, what, at = found
    return cause, (Evidence(None if at is None else _iso(at), what),)


@lru_cache(maxsize=1 << 14)
def _iso(moment: float) -> str:
    """Return a time as ISO 8601, cached: thousands of jobs have the same planned times."""
    return iso(moment)


def ahead_in_words(run: SlotRun) -> str:
    """Return when a run began that was too early: `2h before its time, while the clock was ahead`."""
    return f"{span(run.ahead_seconds or 0.0)} before its time, while the clock was ahead"


def _of_another_run(run: SlotRun) -> str:
    when = f", begun {ahead_in_words(run)}" if run.ahead_seconds is not None else ""
    return f"run {run.run_id} for the same time{when}: {run.outcome or 'running'}"


def _unrecorded(slot: Slot, note: Mapping[str, Any]) -> Evidence | None:
    """Return that the start was refused, if starts of the job were then that the journal could not take."""
    since, until = (moment_in(note, key) for key in ("from", "until"))
    within = slot.plan.start_within if slot.plan is not None else 0.0
    if since is None or until is None or not since - within <= slot.slot <= until:
        return None
    return Evidence(_iso(since), f"its start was refused, and could not be recorded: {note['what']}")


def late_parts(run: SlotRun) -> Any:
    """Return the parts of a run's lateness in seconds; None when they are unknown."""
    if isinstance(run.late_parts, str):
        import msgspec  # four times as fast as json, for tables of 100,000 slots

        try:
            return msgspec.json.decode(run.late_parts)
        except msgspec.DecodeError:  # NaN, of an odd record
            import json

            return json.loads(run.late_parts)
    return run.late_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfMissed:
    """What decides on all missed slots of a job, read once."""

    absences: Sequence[Absence]
    #: of a start that was refused, and could not be recorded
    note: Mapping[str, Any] | None
    #: runs that may have made up for some of them
    made_up: Sequence[MadeUp]


class Ledger:
    """The slots of all jobs of one configuration, as known at the moment `now` (UTC seconds)."""

    def __init__(self, settings: Settings, jobs: Sequence[Job | InvalidJob], index: Index, *, now: float) -> None:
        """Make the ledger. `jobs` are all jobs of the directory."""
        self.now = now
        self._index = index
        self._histories = JobHistories(settings, jobs, index, now=now)
        self._state_directory = settings.state_directory
        self._missed: dict[str, _OfMissed] = {}
        self._late: frozenset[str] | None = None
        self._absent: dict[str, Sequence[Absence]] = {}
        self._shared_cause = lru_cache(maxsize=1 << 14)(self._looked_for_cause)
        self._host = HostHistory(index, self._plans, now=now, state_directory=settings.state_directory)

    @property
    def known_jobs(self) -> list[str]:
        """The slugs of all jobs in the ledger, with those whose files are gone."""
        return sorted(self._histories.versions)

    def accounts(self, jobs: Sequence[str], *, after: float, until: float) -> list[Account]:
        """Return the slots of these jobs in (after, until] (UTC seconds), by time, with fate, cause and evidence."""
        self._begin(jobs, after)
        slots = self.slots(sorted(jobs), after=after, until=until)
        slots.sort(key=attrgetter("slot"))  # stable: those of one moment stay in the order of their jobs
        return [self._account(slot) for slot in slots]

    def slots(self, jobs: Sequence[str], *, after: float, until: float) -> list[Slot]:
        """Return the same slots with their fates, but without causes and evidence."""
        histories = self._histories.of(jobs, after, until)
        return [slot for each in histories for slot in slots_of(each, after=after, until=until, now=self.now)]

    def slots_with_causes(self, jobs: Sequence[str], *, after: float, until: float) -> Iterator[Slot]:
        """Yield the same slots job by job, each job's by time, with the causes of those that were missed."""
        self._begin(jobs, after)
        for history in self._histories.of(jobs, after, until):
            for slot in slots_of(history, after=after, until=until, now=self.now):
                if slot.fate == MISSED:
                    self._account(slot)
                yield slot

    def counts(self, jobs: Sequence[str], *, after: float, until: float) -> dict[str, dict[str, int]]:
        """Return how many slots of each fate each job has."""
        return {
            history.job: count(slots_of(history, after=after, until=until, now=self.now))
            for history in self._histories.of(jobs, after, until)
        }

    def begins(self, job: str) -> float | None:
        """Return the time from which a job's slots are counted (UTC seconds); None for a job without versions."""
        return self._histories.begins(job)

    def versions(self, job: str) -> Sequence[Version]:
        """Return the recorded versions of a job, rising; none for an unknown job."""
        return self._histories.versions.get(job, ())

    def absence(self, job: str) -> Absence | None:
        """Return since when and why the generated crontab has no line for a job; None when it has one."""
        return next((each for each in self._absences(job) if each.since <= self.now < each.until), None)

    def _begin(self, jobs: Sequence[str], after: float) -> None:
        """Forget what was read for another window; find the jobs with late runs at once where many are asked for."""
        self._missed.clear()
        is_of_many = len(jobs) > MAX_ASKED_ONE_BY_ONE
        self._late = self._index.ledger.jobs_with_late_runs(iso(max(0.0, after))) if is_of_many else None

    def _account(self, slot: Slot) -> Account:
        if slot.fate == MISSED:
            return Account(slot, self._decide_cause(slot))
        evidence: list[Evidence] = []
        if slot.fate == RAN and not slot.others:
            return Account(slot, evidence)
        record = slot.record
        if record is not None:
            by = f" by {record.by}" if record.by else ""
            evidence.append(Evidence(record.at, f"{slot.reason or ''}{by}: {record.detail or ''}".strip(": ")))
        elif slot.reason == CAUSE_MISSING and slot.detail:
            evidence.append(Evidence(None, f"{CAUSE_MISSING}: {slot.detail}"))
        if slot.fate == DUE and slot.detail:
            evidence.append(Evidence(None, waits_in_words(slot.detail)))
        evidence += [Evidence(run.started_at, _of_another_run(run)) for run in slot.others]
        if slot.run is not None and slot.run.ahead_seconds is not None:
            evidence.append(Evidence(slot.run.started_at, f"it began {ahead_in_words(slot.run)}"))
        return Account(slot, evidence)

    def _decide_cause(self, slot: Slot) -> Sequence[Evidence]:
        """Set the cause of a missed slot; return its evidence."""
        of_job = self._missed.get(slot.job)
        if of_job is None:
            of_job = self._missed[slot.job] = self._of_missed(slot)
        slot.cause, evidence = self._cause(slot, of_job.absences)
        if of_job.note is not None and slot.cause in ("unknown", "trigger_dead"):
            refused = _unrecorded(slot, of_job.note)
            if refused is not None:
                slot.cause, evidence = "refused", (refused,)
        if of_job.made_up:
            within = slot.plan.start_within if slot.plan is not None else 0.0
            made_up = instead_of(slot.slot, within, of_job.made_up)
            if made_up is not None:
                what = f"a later slot of it, {made_up.scheduled_at}, was run at {made_up.started_at} instead"
                return (*evidence, Evidence(made_up.started_at, f"{what}: run {made_up.run_id}"))
        return evidence

    def _of_missed(self, first: Slot) -> _OfMissed:
        """Read what decides on the missed slots of a job, of which this is the first, as slots come by time."""
        job = first.job
        may_be_made_up = self._late is None or job in self._late
        return _OfMissed(
            absences=self._absences(job),
            note=read_note(self._state_directory, job),
            made_up=made_up_since(self._index, job, _iso(first.slot)) if may_be_made_up else (),
        )

    def _cause(self, slot: Slot, absences: Sequence[Absence]) -> tuple[str, Sequence[Evidence]]:
        """Return the cause of a missed slot and its evidence, which most jobs with the same planned time share."""
        plan, version = slot.plan, slot.version
        if slot.record is None and not absences and (version is None or version.state == VALID):
            cause, evidence, named = self._shared_cause(slot.slot, plan.start_within if plan is not None else 0.0)
            if named != slot.job:
                return cause, evidence
        return _with_evidence(cause_of(slot, self._host.host, absences))

    def _looked_for_cause(self, moment: int, within: float) -> tuple[str, Sequence[Evidence], str | None]:
        """Return cause and evidence of a slot that was missed by any job, and the job that is named in it."""
        named: list[str | None] = [None]
        host = self._host.host

        def was_due(_job: str, since: float, until: float) -> str | None:
            named[0] = host.was_due("", since, until)
            return named[0]

        plan = Plan(schedule=(), time_zone=None, start_within=within)
        slot = Slot(job="", slot=moment, fate=MISSED, plan=plan)
        return *_with_evidence(cause_of(slot, replace(host, was_due=was_due))), named[0]

    def _absences(self, job: str) -> Sequence[Absence]:
        """Return the times in which the generated crontab had no line for a job; none for one without versions."""
        if job not in self._absent:
            self._absent[job] = self._looked_for_absences(job)
        return self._absent[job]

    def _looked_for_absences(self, job: str) -> Sequence[Absence]:
        if job not in self._histories.versions or self._is_a_follower(job):
            return ()
        left_out = self._crontab.left_out(self.versions(job))
        if left_out and self._is_started_by_others(job):
            left_out = []
        return [*left_out, *self._crontab.absences(job, lambda: self._first_version(job))]

    def _is_a_follower(self, job: str) -> bool:
        """Return whether the job has the schedule of its causes, and no line in any crontab."""
        newest = next((each.plan for each in reversed(self.versions(job)) if each.plan is not None), None)
        return newest is not None and newest.schedule_of is not None

    def _is_started_by_others(self, job: str) -> bool:
        """Return whether something else than cron has started the job lately, such as a timer."""
        return any(run.trigger in OTHER_TRIGGERS for run in self._index.runs(jobs=[job], limit=LATELY))

    def _first_version(self, job: str) -> float:
        """Return when the first version of a job began, in UTC seconds; 0 where none can be read."""
        versions = self.versions(job)
        return versions[0].since if versions else 0.0

    @cached_property
    def _crontab(self) -> CrontabHistory:
        ledger = self._index.ledger
        return CrontabHistory(ledger.events("crontab"), has_starts=ledger.last_start("~") is not None)

    def _plans(self) -> Iterable[PlanInForce]:
        """Yield the plans of each job with the times in which they were in force."""
        for slug, versions in self._histories.versions.items():
            ends = [*(version.since for version in versions[1:]), float("inf")]
            for version, end in zip(versions, ends, strict=True):
                if version.state == VALID and version.plan is not None and not version.plan.disabled:
                    yield PlanInForce(slug, version.plan, version.since, end)
