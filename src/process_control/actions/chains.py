"""Start the followers that a dead guard or runner has left: what `watch` does for chains (`after`) at each look.

A look reads the journal since the one before, where jobs with causes are. What it has started it remembers until the
record of the planned time is there.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from process_control.config.cache.planned_slots import has_slot
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.chain import CAUSE_MISSING, SKIP, WAIT, decide
from process_control.core.job import Job
from process_control.history.journal_reader import backwards
from process_control.run.follow import start_follower
from process_control.state.cause_fates import cause_fates, last_record_of
from process_control.state.followers import causes_by_job
from process_control.system.clock import iso

#: An end may be recorded a little before its time in the journal's order.
MARGIN_SECONDS = 5.0
#: So long the start by the cause itself may take.
PATIENCE_SECONDS = 10.0
#: What is refused again and again is left after so long.
MAX_AGE_SECONDS = 3600.0
MAX_REMEMBERED = 2000


def start_left_followers(
    settings: Settings,
    known: dict[str, str],
    load: Callable[[], Sequence[Job | InvalidJob]],
    *,
    since: float,
    now: float,
) -> dict[str, str]:
    """Start what is to follow and does not; return what to look at again: `follower~slot` and since when.

    `known` is what the look before has returned, `since` its moment (UTC seconds).
    """
    causes = causes_by_job(settings)
    if not causes:
        return {}
    wanted, patient = dict(known), set()
    for job, slot, at in _ended(settings, {cause for its in causes.values() for cause in its}, since):
        for key in [f"{follower}~{slot}" for follower, its in causes.items() if job in its]:
            wanted.setdefault(key, iso(now))
            if at > iso(now - PATIENCE_SECONDS) and key not in known:
                patient.add(key)
    if not wanted:
        return {}
    jobs = {job.slug: job for job in load() if isinstance(job, Job)}
    kept: dict[str, str] = {}
    for key in sorted(wanted)[:MAX_REMEMBERED]:
        slug, _, slot = key.partition("~")
        if slug not in jobs or wanted[key] < iso(now - MAX_AGE_SECONDS):
            continue
        if key in patient or _is_left(settings, jobs[slug], slot):
            kept[key] = wanted[key]
    return kept


def _ended(settings: Settings, causes: set[str], since: float) -> set[tuple[str, str, str]]:
    """Return the causes that have ended or were skipped since then, their planned times, and when (ISO 8601)."""
    begin = iso(max(0.0, since - MARGIN_SECONDS))
    return {
        (str(record["job"]), str(record["scheduled_at"]), str(record["at"]))
        for record in backwards(settings.state_directory, since=begin, needle='"scheduled_at":"', not_before=begin)
        if record["event"] in ("end", "skip") and record.get("job") in causes and str(record.get("at")) >= begin
    }


def _is_left(settings: Settings, job: Job, at: str) -> bool:
    """Start the job for that planned time if it is to run or to be skipped now; return whether it is not settled."""
    try:
        slot = int(datetime.fromisoformat(at).timestamp())
    except ValueError:
        return False
    if not job.schedule_of and not has_slot(job, slot):
        return False
    last = last_record_of(settings.state_directory, job.slug, at)
    what, _ = decide(cause_fates(job, slot, settings.state_directory))
    is_over = last is not None and (last["event"] != "skip" or last.get("reason") != CAUSE_MISSING)
    if is_over or (last is not None and what == SKIP):
        return False
    if what != WAIT:
        start_follower(settings, job.slug, slot)
    return True
