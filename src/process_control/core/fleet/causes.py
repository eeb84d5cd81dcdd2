"""Jobs of the fleet that come after others (`after`): what their planned times wait for. Pure.

The lock of a cause signals what became of each planned time to the locks of its followers; those of its own lock are
seen at once.
"""

from process_control.core.chain import ENDED, NO_RUN, PENDING, SKIP, WAIT, CauseFate, decide, ended_in_words
from process_control.core.fleet.lock_state import After, CauseEnd, Fate, JobState
from process_control.core.measures import duration
from process_control.core.schedule.slots import RAN

#: What is known of causes is kept for so many planned times.
MAX_KEPT = 40


def cause_end(job: str, fate: Fate, at: str) -> CauseEnd:
    """Return what followers hear of a planned time."""
    if fate.fate == RAN:
        words = ended_in_words(fate.outcome, at=at, run_id=fate.run_id, reason=fate.reason)
    else:
        words = f"was {fate.fate}: {fate.reason}"
    return CauseEnd(job=job, slot=fate.slot, fate=fate.fate, outcome=fate.outcome, words=words)


def with_end(known: tuple[CauseEnd, ...], end: CauseEnd) -> tuple[CauseEnd, ...]:
    """Return what is known of causes: of two ends of one planned time the new one."""
    others = [each for each in known if (each.job, each.slot) != (end.job, end.slot)]
    return tuple([*others, end][-MAX_KEPT:])


def what_to_do(job: JobState, causes: tuple[CauseEnd, ...], slot: int, now: float) -> tuple[str, str]:
    """Return what a planned time does, START, WAIT or SKIP of `core.chain`, and which cause decides, in words."""
    known = {each.job: each for each in causes if each.slot == slot}
    fates = [_fate(after, known.get(after.job)) for after in job.spec.after]
    what, detail = decide(fates)
    if what == WAIT:
        for after, fate in zip(job.spec.after, fates, strict=True):
            if fate.state == PENDING and now - slot >= after.within:
                return SKIP, f"{fate.in_words}; waited {duration(after.within)} (within)"
    return what, detail


def waits_until(job: JobState, causes: tuple[CauseEnd, ...], slot: int) -> float:
    """Return when the first of the causes that have not ended is not waited for any longer."""
    ended = {each.job for each in causes if each.slot == slot}
    return slot + min((after.within for after in job.spec.after if after.job not in ended), default=0.0)


def _fate(after: After, end: CauseEnd | None) -> CauseFate:
    if end is None:
        return CauseFate(after.job, after.on, PENDING, "has not ended")
    return CauseFate(after.job, after.on, ENDED if end.fate == RAN else NO_RUN, end.words, end.outcome)
