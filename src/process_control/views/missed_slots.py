"""Find missed planned times, for people to be notified: each is found once, as soon as it is too old to start.

`watch` calls this every minute, so the history is opened only for jobs with a planned time that nothing has claimed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from process_control.config.job_directory import InvalidJob
from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.host_causes import MissedSlot
from process_control.core.job import Job
from process_control.core.schedule.slots import DUE, MISSED, Slot
from process_control.errors import BadConfiguration
from process_control.history.index.index import Index
from process_control.notify.announce import is_reported
from process_control.state.block import read_slot
from process_control.state.past_runs import open_index
from process_control.state.watched_jobs import WatchedJob
from process_control.system.clock import DAY_SECONDS, iso
from process_control.views.slots import Account, Ledger

Jobs = Sequence[Job | InvalidJob]
#: What was missed before that is for the ledger: a job may be planned every minute.
MAX_BACK_SECONDS = 7 * DAY_SECONDS


def remember(
    settings: Settings, jobs: Jobs, known: Mapping[str, WatchedJob], *, since: float, now: float
) -> dict[str, WatchedJob]:
    """Return the jobs to watch; an unchanged one keeps its entry in `known`.

    `since`: the look before (UTC seconds). Planned times of a new job count from then on, if they may still be started.
    """
    found = {}
    for job in jobs:
        if isinstance(job, InvalidJob):
            if job.slug in known:  # it plans what its last valid version planned
                found[job.slug] = known[job.slug]
        elif not job.disabled and (settings.host_ping or is_reported(job, settings)):
            entry = _entry(job, settings, since=since, now=now)
            before = known.get(job.slug)
            if before is not None and entry is not None and before.plans_like(entry):
                found[job.slug] = before
            elif entry is not None:
                found[job.slug] = entry
    return found


def _entry(job: Job, settings: Settings, *, since: float, now: float) -> WatchedJob | None:
    success_every = job.expect.get("success_every")
    if belongs_to_fleet(job.run_on, settings.fleet_address) or (not job.schedule and success_every is None):
        return None
    try:
        plan = plan_of_job(job, settings)
    except BadConfiguration:  # its time zone is gone, so nothing is planned
        return None
    settled = max(since, now - plan.start_within)
    return WatchedJob(
        schedule=list(plan.schedule),
        time_zone=plan.time_zone,
        start_within=plan.start_within,
        is_reported=is_reported(job, settings),
        success_every=None if success_every is None else float(success_every),
        settled=settled,
        next_slot=settled if plan.schedule else None,
    )


def missed_slots(
    settings: Settings,
    known: Mapping[str, WatchedJob],
    load: Callable[[], Jobs],
    *,
    now: float,
    over_until: float | None = None,
) -> list[MissedSlot]:
    """Return the planned times that were missed since the last call; update in `known` what is settled.

    `over_until` (UTC seconds): what was planned before is not started any more, however late it may start.
    """
    asked = [slug for slug, job in known.items() if _is_open(settings, slug, job, now, over_until)]
    if not asked:
        return []
    with open_index(settings.state_directory) as index:
        recorded = _recorded(index, known, asked, now)
        doubtful = [slug for slug in asked if _is_doubtful(known[slug], recorded[slug], now, over_until)]
        if not doubtful:
            return []
        ledger = Ledger(settings, load(), index, now=now)
        begin = min(known[slug].settled for slug in doubtful)
        accounts: dict[str, list[Account]] = defaultdict(list)
        for account in ledger.accounts(doubtful, after=begin, until=now):
            accounts[account.slot.job].append(account)
        return [
            missed
            for slug in doubtful
            for missed in _missed_of(settings, known[slug], slug, accounts[slug], now, over_until)
        ]


def forget_settled(settings: Settings, known: Mapping[str, WatchedJob]) -> None:
    """Note in `known` which jobs are not overdue any more, as their last planned time was run or marked after all."""
    overdue = {slug: iso(job.settled) for slug, job in known.items() if job.is_overdue}
    if not overdue:
        return
    with open_index(settings.state_directory) as index:
        for slug, at in overdue.items():
            marks = index.ledger.events("mark", job=slug)
            if index.ledger.of_slots([slug], at, at) or any(mark.get("scheduled_at") == at for mark in marks):
                known[slug].is_overdue = False


def _is_open(settings: Settings, slug: str, job: WatchedJob, now: float, over_until: float | None) -> bool:
    """Return whether a planned time of the job is over that its block does not show as claimed."""
    if job.next_slot is not None and job.settled > now:  # the clock was ahead
        job.settled = job.next_slot = now
    if job.next_slot is None or job.next_slot > now:
        return False
    if job.next_slot == job.settled or job.settled < now - MAX_BACK_SECONDS:
        job.settle(max(job.settled, now - MAX_BACK_SECONDS))
    claimed = read_slot(settings.state_directory, slug)
    if claimed is not None and claimed == job.next_slot:
        job.settle(claimed)
        job.is_overdue = False
    return _is_over(job, job.next_slot, now, over_until)


def _is_over(job: WatchedJob, slot: float | None, now: float, over_until: float | None) -> bool:
    """Return whether there is such a planned time, and it is not started any more."""
    if slot is None:
        return False
    return now - slot > job.start_within or (over_until is not None and slot <= over_until)


def _recorded(index: Index, known: Mapping[str, WatchedJob], asked: Sequence[str], now: float) -> dict[str, set[int]]:
    """Return the planned times of each job that had their run or skip."""
    first = min(known[slug].next_slot or now for slug in asked)
    found: dict[str, set[int]] = defaultdict(set)
    for job, at, *_ in index.ledger.of_slots(list(asked), iso(first), iso(now)):
        found[job].add(int(datetime.fromisoformat(at).timestamp()))
    return found


def _is_doubtful(job: WatchedJob, recorded: set[int], now: float, over_until: float | None) -> bool:
    """Settle planned times that had their run or skip; return whether one that is over had neither."""
    for slot in job.plan.slots(int(job.settled), int(now)):
        if slot not in recorded:
            return _is_over(job, slot, now, over_until)
        job.settle(slot)
        job.is_overdue = False
    return False


def _missed_of(
    settings: Settings,
    job: WatchedJob,
    slug: str,
    accounts: Iterable[Account],
    now: float,
    over_until: float | None,
) -> list[MissedSlot]:
    """Return what was missed of one job, and settle all that is not due any more."""
    found, settled = [], job.settled
    claimed = read_slot(settings.state_directory, slug) or 0
    for account in accounts:
        slot = account.slot
        if slot.slot <= settled:
            continue
        if slot.fate == DUE and not _is_overdue(slot, claimed, over_until):
            break
        settled = slot.slot
        job.is_overdue = slot.fate in (MISSED, DUE)
        if slot.fate == DUE:
            found.append(MissedSlot(job=slug, slot=slot.slot, cause="unknown", evidence="nothing started it"))
        elif slot.fate == MISSED and slot.record is None:  # of a refused start people are notified already
            found.append(_missed(account))
    job.settle(max(settled, _last_that_is_over(job, now)))  # the ledger may not count them: an older file planned them
    return found


def _last_that_is_over(job: WatchedJob, now: float) -> float:
    slots = job.plan.slots(int(job.settled), int(now - job.start_within))
    return float(slots[-1]) if slots else job.settled


def _is_overdue(slot: Slot, claimed: int, over_until: float | None) -> bool:
    return over_until is not None and claimed < slot.slot <= over_until and not slot.detail


def _missed(account: Account) -> MissedSlot:
    slot = account.slot
    evidence = account.evidence[0].what if account.evidence else ""
    return MissedSlot(job=slot.job, slot=slot.slot, cause=str(slot.cause), evidence=evidence)


def in_words(slots: Sequence[MissedSlot]) -> str:
    """Return in a sentence what one job has missed, and why."""
    first, last = (iso(slot) for slot in (slots[0].slot, slots[-1].slot))
    if len(slots) == 1:
        return f"no run for the planned time {first}: {slots[0].evidence}"
    return f"no run for {len(slots)} planned times, {first} to {last}: {slots[-1].evidence}"
