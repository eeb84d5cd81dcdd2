"""The comparison of `plan` in sentences, for the screen and for a review comment."""

from datetime import UTC, datetime

from process_control.core.moments import day_and_time
from process_control.errors import Fault
from process_control.system.revision import Revision
from process_control.views.expected import named
from process_control.views.plan import UNKNOWN_SECONDS, JobChange, KeyChange, PlannedChange

WORKING_TREE = "the files as they are"
#: A key with a sentence of its own.
SCHEDULE = "schedule"


def title(change: PlannedChange, before: Revision, after: Revision | None) -> str:
    """Return `main..HEAD: 2 of 120 jobs changed, planned times differ`."""
    what = f"{before.name}..{after.name}" if after is not None else f"{before.name} to {WORKING_TREE}"
    count, total = len(change.jobs), max(change.before.job_count, change.after.job_count)
    if not count:
        return f"{what}: no job changed"
    times = "planned times differ" if change.fires_differently else "the planned times stay the same"
    return f"{what}: {count:,} of {total:,} {'job' if total == 1 else 'jobs'} changed, {times}"


def slots_in_words(each: JobChange, now: datetime) -> str:
    """Return `+7 -7 planned times, first Sun 02:30`; nothing when they stay the same."""
    slots = each.slots
    if slots.first is None:
        return ""
    first = day_and_time(datetime.fromtimestamp(slots.first, UTC), now)
    counts = [f"{sign}{len(found):,}" for sign, found in (("+", slots.added), ("-", slots.removed)) if found]
    if not counts:
        return f"no difference within these days; the first planned time that differs is {first}"
    count = len(slots.added) + len(slots.removed)
    return f"{' '.join(counts)} planned {'time' if count == 1 else 'times'}, first {first}"


def schedule_in_words(each: JobChange) -> str:
    """Return the schedule, or both with an arrow between; nothing when neither side has one."""
    before, after = each.schedule_before, each.schedule_after
    if each.faults_before or each.faults_after or before == after:
        return after or before
    if each.change == "changed":
        return f"{before or 'no schedule'} -> {after or 'no schedule'}"
    return after or before


def other_keys(each: JobChange) -> list[KeyChange]:
    """Return the keys that changed, without the schedule when it is in words already."""
    is_in_words = each.schedule_before != each.schedule_after
    return [key for key in each.keys if not (is_in_words and key.key == SCHEDULE)]


def key_in_words(key: KeyChange) -> str:
    """Return `timeout: 10 min -> 20 min`."""
    return f"{key.key}: {key.before or '(none)'} -> {key.after or '(none)'}"


def remarks(each: JobChange) -> list[str]:
    """Return what else is to be said of a job: an invalid file, a change without an effect."""
    found = [f"the file was invalid before: {_fault(each.faults_before)}"] if each.faults_before else []
    if each.faults_after:
        found.append(f"the file is invalid, so each of its starts is refused: {_fault(each.faults_after)}")
    if each.change == "changed" and not each.keys and not found:
        found.append("no value changed (only comments, notes or the spelling)")
    return found


def _fault(faults: tuple[Fault, ...]) -> str:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = faults[0]
    return f"{first.where}: {first.what}{more}" if first.where else f"{first.what}{more}"


def peak_in_words(change: PlannedChange, now: datetime) -> str:
    """Return how many jobs run at once at most, before and after."""
    before, after = change.before.peak, change.after.peak
    if before is None and after is None:
        return ""
    if after is None:
        return f"no job runs any more (before at most {before.jobs if before else 0:,} at once)"
    at = day_and_time(datetime.fromtimestamp(after.at, UTC), now)
    was = before.jobs if before is not None else 0
    jobs = "job" if after.jobs == 1 else "jobs"
    return f"at most {after.jobs:,} {jobs} at once, {at} ({'as before' if was == after.jobs else f'before {was:,}'})"


def unknown_in_words(change: PlannedChange) -> str:
    """Return which jobs have no usual duration yet; nothing when all have one."""
    if not change.unknown:
        return ""
    have = "has" if len(change.unknown) == 1 else "have"
    return (
        f"{named(change.unknown)} {have} too few runs to say how long they take: {UNKNOWN_SECONDS / 60:.0f} min assumed"
    )
