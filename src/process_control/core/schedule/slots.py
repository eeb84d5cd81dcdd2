"""The fate of every planned time (slot) of a job: ran, skipped, missed or due. Pure.

A slot is a moment at which the version of the job that was valid then planned a run; whatever left a record of its own
for a planned time counts as planned too. Each has one fate, so planned = ran + skipped + missed + due. Why a slot was
missed is decided in `causes.py`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from process_control.core import chain
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.version import GONE, Version

RAN, SKIPPED, MISSED, DUE = FATES = "ran", "skipped", "missed", "due"
#: So far after a window, in seconds, planned times are looked for that a refused start may be of instead.
MAX_LOOK_BEYOND = 86400.0


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A run that was started for a slot. `outcome` None: it is running."""

    run_id: str
    outcome: str | None
    reason: str | None
    started_at: str
    late_seconds: float | None = None
    late_parts: str | Mapping[str, float] | None = None
    detail: str | None = None
    #: how long before its slot it began, while the clock was ahead
    ahead_seconds: float | None = None
    #: ISO 8601; None: it is running, or that is not known
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a start, or somebody, left for a slot instead of a run: a skip, a refusal, a mark."""

    #: ISO 8601
    at: str
    reason: str | None
    detail: str | None
    by: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A scheduled start that came to no run. `slot` None: it could not know which."""

    #: UTC seconds
    at: float
    slot: int | None
    record: Record


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in which the job was held. `until` None: it is."""

    since: float
    until: float | None
    record: Record


@dataclass(slots=True, kw_only=True)
class JobHistory:
    """All that is known of one job's slots."""

    job: str
    #: rising by `since`
    versions: Sequence[Version]
    #: UTC seconds: when the oldest record that is kept was written; nothing is counted before
    begins: float
    #: by slot (UTC seconds), those of a slot in the order of their starts
    runs: Mapping[int, Sequence[SlotRun]] = field(default_factory=dict)
    skips: Mapping[int, Record] = field(default_factory=dict)
    refusals: Sequence[Refusal] = ()
    marks: Mapping[int, Record] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    #: slots whose start waits now, and for what
    waiting: Mapping[int, str] = field(default_factory=dict)
    #: of the jobs that it runs after
    causes: "Mapping[str, JobHistory]" = field(default_factory=dict)
    #: what became of slots that followers have asked for
    asked: "dict[int, Slot | None]" = field(default_factory=dict)


@dataclass(slots=True)
class Slot:
    """One planned time and what became of it. Not frozen, nor by keywords only: a quarter of a million are made."""

    job: str
    #: UTC seconds
    slot: int
    fate: str
    #: of the version that planned it; None: none did
    plan: Plan | None = None
    version: Version | None = None
    #: of a skip: why; of a run: why it ended so
    reason: str | None = None
    #: of a missed one; see `causes.py`
    cause: str | None = None
    #: the last of its runs
    run: SlotRun | None = None
    #: earlier runs for the same slot
    others: Sequence[SlotRun] = ()
    #: what decided, when it was no run
    record: Record | None = None
    detail: str | None = None


def slots_of(history: JobHistory, *, after: float, until: float, now: float) -> list[Slot]:
    """Return the slots in (after, until] with their fates, rising. Nothing after `now`, nor before the books begin."""
    first, last = max(after, history.begins - 1), min(until, now)
    if first >= last:
        return []
    refusals = _refusals_by_slot(history, first, last)
    recorded = {*history.runs, *history.skips, *history.marks, *refusals}
    unplanned = {slot for slot in recorded if first < slot <= last}
    recorded.update(history.waiting)
    found: list[Slot] = []
    for version, plan, slots in _planned(history.versions, first, last):
        unplanned.difference_update(slots)
        decided_by_age = _is_decided_by_age(history, plan)
        found += [
            Slot(history.job, slot, _fate_by_age(slot, plan, now), plan, version)
            if decided_by_age and slot not in recorded
            else _slot(history, slot, (version, plan), refusals.get(slot), now)
            for slot in slots
        ]
    if unplanned:
        found += [_slot(history, slot, None, refusals.get(slot), now) for slot in unplanned]
        found.sort(key=attrgetter("slot"))
    return found


def count(slots: Iterable[Slot]) -> dict[str, int]:
    """Return how many slots there are, and how many of each fate: `planned` is the sum of the others."""
    counted = dict.fromkeys(FATES, 0)
    for slot in slots:
        counted[slot.fate] += 1
    return {"planned": sum(counted.values()), **counted}


def plan_in_force(versions: Sequence[Version], moment: float) -> tuple[Version, Plan] | None:
    """Return the version of that moment and what it plans; None when nothing is planned.

    An invalid version plans what the last valid one planned; a file that is gone plans nothing.
    """
    number = bisect_right(versions, moment, key=lambda version: version.since)
    if not number:
        return None
    version = versions[number - 1]
    plan = _plan_at(versions, number - 1)
    return None if plan is None else (version, plan)


def _planned(versions: Sequence[Version], after: float, until: float) -> Iterator[tuple[Version, Plan, Sequence[int]]]:
    """Yield each version with the slots in (after, until] that it planned, rising."""
    ends = [*(version.since for version in versions[1:]), float("inf")]
    for number, (version, end) in enumerate(zip(versions, ends, strict=False)):
        plan = _plan_at(versions, number)
        if plan is None or version.since > until or end <= after:
            continue
        slots = plan.slots(int(max(after, version.since - 1)), int(min(until, end)))
        begin = max(bisect_left(slots, version.since), bisect_right(slots, after))
        yield version, plan, slots[begin : bisect_left(slots, end)]


def _plan_at(versions: Sequence[Version], number: int) -> Plan | None:
    for version in versions[number::-1]:
        if version.state == GONE:
            return None
        if version.plan is not None:
            return version.plan
    return None


def _refusals_by_slot(history: JobHistory, after: float, until: float) -> dict[int, Record]:
    """Return the refusal of each slot. One that knows no slot is of the last one before it, within start_within."""
    found: dict[int, Record] = {}
    unknown = [refusal for refusal in history.refusals if refusal.slot is None and refusal.at > after]
    slots = _slots_around(history.versions, after, until) if unknown else []
    for refusal in history.refusals:
        if refusal.slot is not None:
            found[refusal.slot] = refusal.record
    for refusal in unknown:
        number = bisect_right(slots, refusal.at, key=lambda planned: planned[0])
        if number and refusal.at - slots[number - 1][0] <= slots[number - 1][1]:
            found.setdefault(slots[number - 1][0], refusal.record)
    return found


def _slots_around(versions: Sequence[Version], after: float, until: float) -> list[tuple[int, float]]:
    """Return (slot, start_within) of each slot of a window, and of the time in which its last one can be refused."""
    longest = max((version.plan.start_within for version in versions if version.plan is not None), default=0.0)
    planned = _planned(versions, after, until + min(longest, MAX_LOOK_BEYOND))
    return sorted((slot, plan.start_within) for _, plan, slots in planned for slot in slots)


def _slot(
    history: JobHistory, slot: int, planned: tuple[Version, Plan] | None, refusal: Record | None, now: float
) -> Slot:
    """Decide the fate of one slot: the first rule that fits."""
    version, plan = planned or (None, None)
    found = Slot(history.job, slot, MISSED, plan, version)
    if (mark := history.marks.get(slot)) is not None:
        found.fate, found.reason, found.record, found.detail = SKIPPED, "marked", mark, mark.detail
        found.others = history.runs.get(slot, ())
    elif runs := history.runs.get(slot):
        *found.others, found.run = runs
        found.fate, found.reason, found.detail = RAN, found.run.reason, found.run.detail
    elif (skip := history.skips.get(slot)) is not None:
        found.fate, found.reason, found.record, found.detail = SKIPPED, skip.reason, skip, skip.detail
    elif refusal is not None:
        found.record, found.detail = refusal, refusal.detail
    elif (choice := _by_choice(history, slot, plan)) is not None:
        found.fate, found.reason, found.record, found.detail = SKIPPED, *choice
    elif slot in history.waiting:
        found.fate, found.detail = DUE, history.waiting[slot]
    elif plan is not None and plan.schedule_of and (by_causes := _by_causes(history, slot, plan, now)) is not None:
        found.fate, found.reason, found.detail = by_causes
    elif plan is not None:
        found.fate = _fate_by_age(slot, plan, now)
    return found


def _fate_by_age(slot: int, plan: Plan, now: float) -> str:
    """Return the fate of a slot for which nothing is recorded, and nothing else decides: the last rule."""
    return DUE if now - slot <= plan.start_within else MISSED


def _is_decided_by_age(history: JobHistory, plan: Plan) -> bool:
    """Return whether nothing but its age decides on a slot of the plan for which nothing is recorded."""
    return not (plan.disabled or plan.exclude or plan.schedule_of or history.holds)


def _by_causes(history: JobHistory, slot: int, plan: Plan, now: float) -> tuple[str, str | None, str] | None:
    """Return fate, reason and detail of a slot that the causes decide; None: they have ended, and nothing came."""
    of_causes = [_slot_of_cause(history.causes.get(cause), slot, now) for cause, _ in plan.after]
    fates = [_fate_of_cause(cause, on, of) for (cause, on), of in zip(plan.after, of_causes, strict=True)]
    what, detail = chain.decide(fates)
    if what == chain.SKIP:
        return SKIPPED, chain.CAUSE_MISSING, detail
    if what == chain.WAIT:
        return DUE, None, detail
    ends = [of.run.ended_at or of.run.started_at for of in of_causes if of is not None and of.run is not None]
    if now - datetime.fromisoformat(max(ends)).timestamp() <= plan.start_within:
        return DUE, None, "for its start, as its causes have ended"
    return None


def _slot_of_cause(history: JobHistory | None, slot: int, now: float) -> Slot | None:
    if history is None:
        return None
    if slot not in history.asked:
        history.asked[slot] = None  # files that were edited one after the other may have been a circle for a moment
        history.asked[slot] = next(iter(slots_of(history, after=slot - 1, until=slot, now=now)), None)
    return history.asked[slot]


def _fate_of_cause(cause: str, on: str, slot: Slot | None) -> chain.CauseFate:
    if slot is None:
        return chain.CauseFate(cause, on, chain.NO_RUN, "has no planned time then")
    run = slot.run
    if run is not None and run.outcome is None:
        return chain.CauseFate(cause, on, chain.PENDING, f"runs since {run.started_at} (run {run.run_id})")
    if run is not None:
        at = run.ended_at or run.started_at
        words = chain.ended_in_words(run.outcome, at=at, run_id=run.run_id, reason=run.reason)
        return chain.CauseFate(cause, on, chain.ENDED, words, run.outcome)
    if slot.fate == DUE:
        return chain.CauseFate(cause, on, chain.PENDING, f"waits {slot.detail}" if slot.detail else "has not started")
    why = f": {slot.detail}" if slot.detail else ""
    words = f"was skipped ({slot.reason}{why})" if slot.fate == SKIPPED else "was missed"
    return chain.CauseFate(cause, on, chain.NO_RUN, words)


def _by_choice(history: JobHistory, slot: int, plan: Plan | None) -> tuple[str, Record | None, str | None] | None:
    """Return reason, record and detail of a slot that was to be skipped, whether or not a start came."""
    if plan is None:
        return None
    if plan.disabled:
        return "disabled", None, "the job file says so"
    if (day := plan.excluded_by(slot)) is not None:
        return "excluded", None, f"exclude: {day}"
    for hold in history.holds:
        if hold.since <= slot and (hold.until is None or slot < hold.until):
            return "held", hold.record, hold.record.detail
    return None
