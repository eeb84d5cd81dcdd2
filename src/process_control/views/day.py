"""One day of all jobs: past runs, missed slots, and planned runs with their usual duration."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from process_control.config.chains import causes_of
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.chain import delay
from process_control.core.day import (
    DUE,
    MISSED,
    RUNNING,
    SHORTEST_SECONDS,
    SKIPPED,
    Day,
    Lane,
    Planned,
    Stretch,
    day_of,
)
from process_control.core.gate import STATES
from process_control.core.health import State
from process_control.core.job import Job
from process_control.core.schedule import slots
from process_control.history.index.index import Index
from process_control.history.index.summary import JobSummary
from process_control.state.all_jobs import AllJobs, health_record
from process_control.system.clock import iso
from process_control.views.slots import Ledger

#: How long before the day a run may have begun to be found.
MAX_RUN_SECONDS = 2 * 86400
#: The duration to show for a planned run of a job that never ran.
UNKNOWN_SECONDS = 60.0
_HELD = State.HELD.value.encode()


def read_day(
    settings: Settings,
    jobs: Sequence[Job | InvalidJob],
    wanted: Sequence[str],
    index: Index,
    ledger: Ledger,
    *,
    begin: float,
    end: float,
    zone: tzinfo,
) -> Day:
    """Return the day from `begin` to `end` (UTC seconds) of the `wanted` jobs. `jobs` are all of the directory."""
    now = ledger.now
    names = set(wanted)
    past = [each for each in _ran(index, begin, min(end, now), now) if each.job in names]
    past += _did_not_run(ledger, wanted, begin, min(end, now))
    planned = _will_run(settings, jobs, names, ledger, index, max(begin, now), end)
    locks = {job.slug: job.lock for job in jobs if isinstance(job, Job)}
    return day_of(past, planned=planned, begin=begin, end=end, now=now, locks=locks, zone=zone)


def to_json(day: Day) -> dict[str, Any]:
    """Return the day with the keys of `--json`."""
    return {
        "from": iso(day.begin),
        "until": iso(day.end),
        "lanes": [lane_to_json(lane) for lane in day.lanes],
        "collisions": [
            {"from": iso(each.begin), "until": iso(each.end), "lock": each.lock, "jobs": list(each.jobs)}
            for each in day.collisions
        ],
        "peak": None if day.peak is None else {"at": iso(day.peak[1]), "jobs": day.peak[0]},
        "quiet": [{"from": iso(begin), "until": iso(end)} for begin, end in sorted(day.quiet)],
        "clock_changes": [{"at": iso(at), "seconds": seconds} for at, seconds in day.clock_changes],
    }


def lane_to_json(lane: Lane) -> dict[str, Any]:
    """Return a lane with the keys of `--json`."""
    stretches = lane.stretches
    return {
        "job": lane.job,
        "stretches": [{"from": iso(each.begin), "until": iso(each.end), "kind": each.kind} for each in stretches],
    }


def _ran(index: Index, begin: float, until: float, now: float) -> Iterator[Stretch]:
    """Yield the runs and the recorded skips."""
    if begin >= until:
        return
    rows = index.ledger.started_within(iso(begin - MAX_RUN_SECONDS), iso(until))
    open_runs = {run.run_id: run for run in index.open_runs()} if any(row[2] is None for row in rows) else {}
    for job, run_id, outcome, started_at, seconds, scheduled_at in rows:
        began = _seconds(started_at)
        if outcome == SKIPPED:
            at = began if scheduled_at is None else _seconds(scheduled_at)
            yield Stretch(job, at, at, SKIPPED)
            continue
        run = open_runs.get(run_id)
        if outcome is None and run is not None:
            outcome, seconds = run.outcome, run.duration_seconds
        if outcome is None:
            seconds = now - began
        yield Stretch(job, began, began + max(seconds or 0.0, SHORTEST_SECONDS), outcome or RUNNING)


def _did_not_run(ledger: Ledger, wanted: Sequence[str], begin: float, until: float) -> Iterator[Stretch]:
    """Yield the planned times that left no record of a start."""
    if begin >= until:
        return
    kinds = {slots.MISSED: MISSED, slots.SKIPPED: SKIPPED, slots.DUE: DUE}
    for slot in ledger.slots(wanted, after=begin - 1, until=until - 0.001):
        if slot.fate in kinds and (slot.record is None or slot.record.run_id is None):
            yield Stretch(slot.job, slot.slot, slot.slot, kinds[slot.fate])


def _will_run(
    settings: Settings,
    jobs: Sequence[Job | InvalidJob],
    wanted: Collection[str],
    ledger: Ledger,
    index: Index,
    begin: float,
    end: float,
) -> Iterator[Planned]:
    """Yield planned runs with the usual duration of the job; none for a job that is held or disabled."""
    if begin >= end:
        return
    summaries = index.summaries([job.slug for job in jobs])
    usual = {slug: each.median_seconds or 0.0 for slug, each in summaries.items()}
    causes = {job.slug: causes_of(job) for job in jobs if isinstance(job, Job) and job.schedule_of}
    same: dict[tuple[float, ...], tuple[float, ...]] = {}
    with AllJobs(settings.state_directory) as all_jobs:
        for job in jobs:
            if job.slug not in wanted or not isinstance(job, Job):
                continue
            versions = ledger.versions(job.slug)
            plan = versions[-1].plan if versions else None
            if plan is None or plan.disabled or _is_held(all_jobs, job.slug, begin):
                continue
            slots = plan.slots(int(begin), int(end) - 1)
            begins: tuple[float, ...] = slots
            after = delay(job.slug, causes, usual) if causes else 0.0
            if plan.exclude or after:
                begins = tuple(at for slot in slots if plan.excluded_by(slot) is None and (at := slot + after) < end)
            yield Planned(job.slug, same.setdefault(begins, begins), _usual_seconds(summaries.get(job.slug)))


def _usual_seconds(summary: JobSummary | None) -> float:
    """Return how long a planned run is shown, in whole seconds: it is but usual."""
    median = summary.median_seconds if summary is not None else None
    return UNKNOWN_SECONDS if median is None else max(round(median), SHORTEST_SECONDS)


def _is_held(all_jobs: AllJobs, slug: str, moment: float) -> bool:
    """Return whether the job is held at that moment: the hold has no earlier end."""
    try:
        text = all_jobs.health(slug)
        if text is not None and _HELD not in text and text.endswith(b"}\n"):
            return False
        health = health_record(text) if text is not None else {"state": STATES[0]}
    except ValueError:
        return True
    ends = health.get("release_at") or health.get("probe_at")
    return health["state"] == State.HELD.value and not (isinstance(ends, str) and ends <= iso(moment))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
