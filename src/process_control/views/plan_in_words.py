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
DISABLED = "disabled"


def title(change: PlannedChange, before: Revision, after: Revision | None) -> str:
    """Return `main..HEAD: 2 of 120 jobs changed, planned times differ`."""
    dots = "..." if before.is_common else ".."
    what = f"{before.name}{dots}{after.name}" if after is not None else f"{before.name} to {WORKING_TREE}"
    count, total = len(change.jobs), change.job_count
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


def schedules(each: JobChange) -> tuple[str, str]:
    """Return the schedule before and after; `disabled` for that of a job which became disabled, or was."""
    if not _is_switched(each):
        return each.schedule_before, each.schedule_after
    before, after = each.schedule_before, each.schedule_after
    return DISABLED if each.disabled_before else before, DISABLED if each.disabled_after else after


def _is_switched(each: JobChange) -> bool:
    """Return whether a job with a schedule became disabled, or was disabled and is no more."""
    has_schedule = bool(each.schedule_before or each.schedule_after)
    return has_schedule and each.change == "changed" and each.disabled_before != each.disabled_after


def schedule_in_words(each: JobChange) -> str:
    """Return the schedule, or both with an arrow between; nothing when neither side has one."""
    before, after = schedules(each)
    if each.faults_before or each.faults_after or before == after:
        return after or before
    if each.change == "changed":
        return f"{before or 'no schedule'} -> {after or 'no schedule'}"
    return after or before


def other_keys(each: JobChange) -> list[KeyChange]:
    """Return the keys that changed, without the schedule when it is in words already."""
    is_in_words = each.schedule_before != each.schedule_after and not _is_switched(each)
    return [key for key in each.keys if not (is_in_words and key.key == SCHEDULE)]


def key_in_words(key: KeyChange) -> str:
    """Return `timeout: 10 min -> 20 min`."""
    return f"{key.key}: {key.before or '(none)'} -> {key.after or '(none)'}"


def remarks(each: JobChange) -> list[str]:
    """Return what else is to be shown of a job: an invalid file, a change without an effect."""
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


def renamed_in_words(change: PlannedChange) -> list[str]:
    """Return a sentence for each job of which only the name has changed."""
    return [
        f"renamed {old} -> {new}: its history, hold and health stay under the old name" for old, new in change.renamed
    ]


def unknown_in_words(change: PlannedChange) -> str:
    """Return which jobs have no usual duration yet; nothing when all have one."""
    if not change.unknown:
        return ""
    have = "has" if len(change.unknown) == 1 else "have"
    return (
        f"{named(change.unknown)} {have} too few runs to say how long they take: {UNKNOWN_SECONDS / 60:.0f} min assumed"
    )
