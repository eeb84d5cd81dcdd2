"""Find the missed planned times that jobs with `catch_up` are still to run.

`watch` calls this every minute, so the ledger is opened only for jobs with a planned time without run or skip.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from process_control.config.cache.planned_slots import last_slot
from process_control.config.job_directory import InvalidJob
from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.schedule.catch_up import to_catch_up
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import DUE
from process_control.history.index.index import Index
from process_control.state.block import read_mark
from process_control.state.claim import settled_slot
from process_control.state.past_runs import open_index
from process_control.state.watch_memory import CatchingUp
from process_control.system.clock import iso
from process_control.views.slots import Ledger

Jobs = Sequence[Job | InvalidJob]
#: The mark of a job whose run for a missed time failed or was refused: earlier missed times are left to people.
ENDED_NOTE = "catch_up"


def catches_up(job: object) -> bool:
    """Return whether missed times of the job are to be run."""
    return isinstance(job, Job) and job.catch_up_which in ("latest", "all") and bool(job.schedule) and not job.disabled


def wanted(settings: Settings, jobs: Iterable[Job], ledger: Ledger, index: Index) -> dict[str, list[int]]:
    """Return the planned times (UTC seconds) to run, by job, without jobs that have none."""
    found = {job.slug: _wanted_of(job, settings, ledger, index) for job in jobs}
    return {slug: slots for slug, slots in found.items() if slots}


def next_slot(job: Job, settings: Settings, now: float) -> int | None:
    """Return the next planned time of a job (UTC seconds); None when there is none."""
    last_slot(job, settings, now)
    return next((slot for slot in job.planned_slots if slot > now), None)


def _wanted_of(job: Job, settings: Settings, ledger: Ledger, index: Index) -> list[int]:
    begin = ledger.now - job.catch_up_within_seconds
    holds = index.ledger.events("hold", job=job.slug, since=iso(max(0.0, begin)))
    ends = [datetime.fromisoformat(hold["at"]).timestamp() for hold in holds]
    note = read_mark(layout.note(settings.state_directory, job.slug, ENDED_NOTE)) or {}
    if isinstance(ended_at := note.get("ended_at"), int) and ended_at <= ledger.now:
        ends.append(float(ended_at))
    return to_catch_up(
        ledger.slots([job.slug], after=begin - 1, until=ledger.now),
        which=str(job.catch_up_which),
        within=job.catch_up_within_seconds,
        start_within=job.start_within_seconds,
        now=ledger.now,
        next_slot=next_slot(job, settings, ledger.now),
        ended_at=max(ends, default=None),
    )


# --- between checks of watch -----------------------------------------------------------------------------------------


def remember(settings: Settings, jobs: Jobs, known: Mapping[str, CatchingUp], *, now: float) -> dict[str, CatchingUp]:
    """Return the memory of jobs with `catch_up` for the next check; an unchanged job keeps its entry in `known`."""
    found = {}
    for job in jobs:
        if isinstance(job, Job) and catches_up(job):
            plan = plan_of_job(job, settings)
            entry = CatchingUp(
                schedule=list(plan.schedule),
                time_zone=plan.time_zone,
                start_within=plan.start_within,
                which=str(job.catch_up_which),
                within=job.catch_up_within_seconds,
                settled=now - job.catch_up_within_seconds,
                next_slot=0.0,
            )
            before = known.get(job.slug)
            found[job.slug] = before if before is not None and _is_planned_alike(before, entry) else entry
    return found


def decide(
    settings: Settings, known: Mapping[str, CatchingUp], load: Callable[[], Jobs], *, now: float
) -> dict[str, list[int]]:
    """Return the planned times (UTC seconds) to run now, by job; update in `known` what is settled."""
    asked = {}
    for slug, entry in known.items():
        if entry.settled > now:  # the clock was ahead
            entry.settled, entry.next_slot = now - entry.within, 0.0
        if entry.next_slot is not None and entry.next_slot <= now:
            slots = _slots(entry, now)
            if len(slots) == 1 and settled_slot(settings.state_directory, slug) == slots[0]:
                _settle(entry, slots[0])
            elif slots:
                asked[slug] = slots
            else:
                _settle(entry, entry.settled)
    if not asked:
        return {}
    with open_index(settings.state_directory) as index:
        recorded = _recorded(index, asked)
        doubtful = [slug for slug, slots in asked.items() if _is_doubtful(known[slug], slots, recorded[slug], now)]
        if not doubtful:
            return {}
        jobs = load()
        ledger = Ledger(settings, jobs, index, now=now)
        chosen = [job for job in jobs if isinstance(job, Job) and job.slug in doubtful]
        found = wanted(settings, chosen, ledger, index)
        others = [slug for slug in doubtful if slug not in found]
        of_slugs = ledger.slots(others, after=min(asked[slug][0] for slug in others) - 1, until=now) if others else []
        for slug in others:  # what a start still waits for may come to nothing yet
            first = min((each.slot for each in of_slugs if each.job == slug and each.fate == DUE), default=now)
            over = [slot for slot in asked[slug] if now - slot > known[slug].start_within and slot < first]
            if over:
                _settle(known[slug], over[-1])
        return found


def _is_doubtful(entry: CatchingUp, slots: Sequence[int], recorded: set[int], now: float) -> bool:
    """Settle planned times that had their run or skip; return whether a past one had neither."""
    for slot in slots:
        if slot not in recorded:
            return now - slot > entry.start_within
        _settle(entry, slot)
    return False


def _recorded(index: Index, asked: Mapping[str, Sequence[int]]) -> dict[str, set[int]]:
    first, last = min(slots[0] for slots in asked.values()), max(slots[-1] for slots in asked.values())
    found: dict[str, set[int]] = defaultdict(set)
    for job, at, *_ in index.ledger.of_slots(list(asked), iso(first), iso(last)):
        found[job].add(int(datetime.fromisoformat(at).timestamp()))
    return found


def _settle(entry: CatchingUp, slot: float) -> None:
    entry.settled = slot
    coming = _plan(entry).next_slot(int(slot))
    entry.next_slot = None if coming is None else float(coming)


def _slots(entry: CatchingUp, now: float) -> list[int]:
    return list(_plan(entry).slots(int(max(entry.settled, now - entry.within)), int(now)))


def _plan(entry: CatchingUp) -> Plan:
    return Plan(schedule=tuple(entry.schedule), time_zone=entry.time_zone)


def _is_planned_alike(one: CatchingUp, other: CatchingUp) -> bool:
    names = ("schedule", "time_zone", "start_within", "which", "within")
    return all(getattr(one, name) == getattr(other, name) for name in names)
