"""Warnings that need all jobs of the host: herds, overlaps by real durations, short timeouts, misspelled tags."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime

from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.between import slots_between
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.herds import Herd, herds, is_movable, spread
from process_control.core.schedule.overlaps import LockOverlap, OwnOverlap, PlannedRuns, lock_overlaps, own_overlap
from process_control.core.schedule.plan_change import starts_of
from process_control.core.schedule.schedule import Expression, Schedule, host_zone, not_for_cron
from process_control.core.tags import OddTag, odd_tags
from process_control.core.usual import UsualDuration
from process_control.views.expected import in_words, named, short_timeout
from process_control.views.lint.finding import CRON, HERD, LOCK, OVERLAP, TAG, TIMEOUT, Remark
from process_control.views.lint.notify_remarks import notify_remarks
from process_control.views.lint.schedule_remarks import schedule_remarks

DAYS = 7
DAY_SECONDS, DAY_MINUTES = 86400, 1440
SCHEDULE = "schedule"
Remarks = dict[str, list[Remark]]


def host_remarks(
    jobs: Sequence[Job],
    settings: Settings,
    usual: Mapping[str, UsualDuration],
    now: datetime,
    *,
    wanted: Set[str],
    left_out: Sequence[str] = (),
) -> Mapping[str, Sequence[Remark]]:
    """Return the warnings about the `wanted` jobs, by name; what several have in common stands at the first of them.

    `usual` are the durations that are known, `left_out` the jobs that the generated crontab cannot have.
    """
    by_slug = {job.slug: job for job in jobs}
    schedules = _schedules(jobs)
    starts = _Starts(settings, int(now.timestamp()))
    runs = {
        slug: PlannedRuns(slots=starts.of(by_slug[slug], schedule), lock=by_slug[slug].lock, usual=usual.get(slug))
        for slug, schedule in schedules.items()
    }
    found: Remarks = defaultdict(list)
    movable = {slug: each.slots for slug, each in runs.items() if is_movable(by_slug[slug].schedule)}
    for herd in herds(movable, job_count=len(runs), minutes=DAYS * DAY_MINUTES):
        for slug in _first(herd.jobs, wanted):
            found[slug].append(_herd(herd, by_slug[slug], now))
    for collision in lock_overlaps(runs):
        for slug in _first(collision.jobs, wanted):
            found[slug].append(_lock(collision, slug, now))
    for slug in wanted & by_slug.keys():
        if slug in schedules:
            found[slug] += schedule_remarks(by_slug[slug], schedules[slug], now)
        elif (of_fleet := _fleet_schedule(by_slug[slug])) is not None:
            found[slug] += schedule_remarks(by_slug[slug], of_fleet, now)
        found[slug] += _of_one_job(by_slug[slug], runs.get(slug), usual.get(slug), now)
        found[slug] += notify_remarks(by_slug[slug], settings)
    for slug in left_out:
        found[slug].append(_not_in_the_crontab(by_slug[slug]))
    for odd in odd_tags({job.slug: job.tags for job in jobs if job.tags}):
        found[odd.job].append(_tag(odd, by_slug[odd.job]))
    return found


def _first(jobs: Sequence[str], wanted: Set[str]) -> list[str]:
    return [slug for slug in jobs if slug in wanted][:1]


def _of_one_job(job: Job, runs: PlannedRuns | None, usual: UsualDuration | None, now: datetime) -> Iterator[Remark]:
    overlap = own_overlap(job.slug, runs) if runs is not None else None
    if overlap is not None:
        yield _own(overlap, job, now)
    short = short_timeout(job, usual)
    if short is not None:
        minutes = math.ceil(2 * short.usual_seconds / 60)
        hint = f"write timeout: {minutes}m, which is twice as long, or timeout: 0 for none"
        yield Remark(kind=TIMEOUT, key="timeout", what=in_words(short, now), hint=hint)


def _fleet_schedule(job: Job) -> Schedule | None:
    """Return the schedule of a job that the fleet plans."""
    if not job.fleet_schedule or job.disabled:
        return None
    try:
        return Schedule.parse(job.fleet_schedule, time_zone=job.time_zone or host_zone(), host="", slug=job.slug)
    except ScheduleError:
        return None


def _schedules(jobs: Sequence[Job]) -> dict[str, Schedule]:
    """Return the schedules of the jobs that start by themselves; the host is asked once for its name and zone."""
    host, zone = os.uname().nodename, host_zone()
    found = {}
    for job in jobs:
        if job.schedule and not job.disabled and not job.schedule_of:  # else its causes start it
            try:
                found[job.slug] = Schedule.parse(
                    job.schedule, time_zone=job.time_zone or zone, host=host, slug=job.slug
                )
            except ScheduleError:
                continue  # its time zone is gone from the host: a fault of its own
    return found


class _Starts:
    """The planned times of the next days, found once for each schedule: thousands of jobs have few different ones."""

    def __init__(self, settings: Settings, begin: int) -> None:
        self._settings = settings
        self._window = begin, begin + DAYS * DAY_SECONDS
        self._known: dict[tuple[Expression, ...], list[int]] = {}

    def of(self, job: Job, schedule: Schedule) -> list[int]:
        if job.exclude:
            return starts_of(plan_of_job(job, self._settings, schedule), *self._window)
        if schedule.expressions not in self._known:
            self._known[schedule.expressions] = slots_between(schedule, *self._window)
        return self._known[schedule.expressions]


def _herd(herd: Herd, job: Job, now: datetime) -> Remark:
    item, better = next((number, text) for number, each in enumerate(job.schedule) if (text := spread(each)))
    others = named([f"{slug}.yaml" for slug in herd.jobs])
    hint = f'spread them by H in the minute field, here schedule: "{better}"; in {others}'
    return Remark(kind=HERD, key=SCHEDULE, item=item, what=in_words(herd, now), hint=hint)


def _own(overlap: OwnOverlap, job: Job, now: datetime) -> Remark:
    becomes = {"skip": "they are skipped", "queue": "they wait", "replace": "they end it", "fail": "they fail"}
    hint = f"by on_overlap: {job.on_overlap} {becomes.get(job.on_overlap, 'they do not run')}; plan it less often"
    return Remark(kind=OVERLAP, key=SCHEDULE, what=in_words(overlap, now), hint=hint)


def _lock(overlap: LockOverlap, slug: str, now: datetime) -> Remark:
    others = named([each for each in overlap.jobs if each != slug])
    hint = f"plan it when {others} {'has' if len(overlap.jobs) == 2 else 'have'} ended, or write on_overlap: queue"
    return Remark(kind=LOCK, key="lock", what=in_words(overlap, now), hint=hint)


def _not_in_the_crontab(job: Job) -> Remark:
    what = f"is not in the crontab: {not_for_cron(job.time_zone or '')}"
    hint = f"to start it by a systemd timer: process-control export systemd {job.slug}"
    return Remark(kind=CRON, key="time_zone", what=what, hint=hint)


def _tag(odd: OddTag, job: Job) -> Remark:
    what = f"the tag '{odd.tag}' is on this job only"
    hint = f"did you mean '{odd.meant}', which {odd.jobs:,} jobs have?"
    return Remark(kind=TAG, key="tags", item=job.tags.index(odd.tag), what=what, hint=hint)
