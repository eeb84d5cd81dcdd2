"""Counts of runs and planned times that never fall, although the history is pruned and fates change later.

Runs: the days of the journal that are complete are counted once and kept; the newer days are counted at each answer.
Planned times: each is counted once, when it is settled, by its fate then. Without the right to write nothing is kept.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from process_control.config.settings import Settings
from process_control.core.schedule.slots import DUE, MISSED, RAN, Slot
from process_control.core.tally import RunTally, RunTotals, SlotTotals
from process_control.history.index.index import Index
from process_control.state.totals import read_run_totals, read_slot_totals, write_run_totals, write_slot_totals
from process_control.system.clock import DAY_SECONDS, day
from process_control.views.slots import Ledger

#: So long before the first answer the counting of planned times begins.
FIRST_SECONDS = DAY_SECONDS
#: A clock that was set back by more than this was ahead: what was counted up to there is not waited for.
MAX_STEP_BACK_SECONDS = 300
#: A note of how far nothing was to be counted is written once an hour.
NOTE_SECONDS = 3600


def count_runs(
    settings: Settings, index: Index, jobs: Collection[str], *, now: float, keep: bool, going: Collection[str] = ()
) -> dict[str, RunTally]:
    """Return the counts of runs by job. `keep`: keep those of complete days, and of `going`: days that are removed."""
    before = read_run_totals(settings.state_directory)
    totals = before or RunTotals()
    uncounted = [each for each in index.days() if each not in totals.days]
    complete = _complete(index, uncounted, now) | set(going).intersection(uncounted) if keep else set()
    if complete or (keep and before is None):
        totals.add(index.tallies(complete))
        totals.days |= complete
        known = {*jobs, *index.jobs()}
        totals.jobs = {job: tally for job, tally in totals.jobs.items() if job in known}
        with suppress(OSError):  # a full disk: they are counted again next time
            write_run_totals(settings.state_directory, totals)
    totals.add(index.tallies([each for each in uncounted if each not in complete]))
    return totals.jobs


def _complete(index: Index, days: Iterable[str], now: float) -> set[str]:
    """Return the days to which nothing is added any more, unless the clock is wrong.

    While it is ahead, the day that it really is, is one of the two newest ones with runs.
    """
    newest = index.newest_days()
    return {each for each in days if each < day(now - DAY_SECONDS) and each not in newest}


def count_slots(settings: Settings, ledger: Ledger, jobs: Sequence[str], *, keep: bool) -> SlotTotals:
    """Return the counts of the planned times of these jobs by their fates, and keep them."""
    totals = read_slot_totals(settings.state_directory) or SlotTotals()
    before, number, waiting = totals.until, _number(totals), totals.waiting
    _add_settled(ledger, jobs, totals)
    is_other = before is None or (number, waiting) != (_number(totals), totals.waiting)
    if keep and (is_other or abs((totals.until or 0.0) - (before or 0.0)) > NOTE_SECONDS):
        with suppress(OSError):
            write_slot_totals(settings.state_directory, totals)
    return totals


def _number(totals: SlotTotals) -> int:
    return sum(counts.total() for counts in totals.jobs.values())


def _add_settled(ledger: Ledger, jobs: Sequence[str], totals: SlotTotals) -> None:
    """Count what was settled since, of each job up to the first planned time that is not."""
    now = ledger.now
    if totals.until is None:
        totals.until = now - FIRST_SECONDS
    elif now < totals.until - MAX_STEP_BACK_SECONDS:
        totals.until = now
    begin = totals.until
    begins = {job: totals.waiting[job] for job in jobs if job in totals.waiting}
    totals.waiting = {}
    _add(ledger.slots_with_causes([job for job in jobs if job not in begins], after=begin, until=now), totals, {})
    if begins:
        _add(ledger.slots_with_causes(list(begins), after=min(begins.values()), until=now), totals, begins)
    totals.until = max(begin, now)


def _add(slots: Iterable[Slot], totals: SlotTotals, begins: dict[str, float]) -> None:
    for slot in slots:
        if slot.job in totals.waiting or slot.slot <= begins.get(slot.job, 0.0):
            continue
        if slot.fate == DUE:
            totals.waiting[slot.job] = slot.slot - 1.0
        else:
            totals.add(slot.job, slot.fate, _reason(slot))


def _reason(slot: Slot) -> str:
    if slot.fate == RAN:
        return ""
    return (slot.cause if slot.fate == MISSED else slot.reason) or ""
