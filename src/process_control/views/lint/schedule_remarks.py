"""Warnings about one schedule: days that mean "or", and fixed times that a clock change skips or shows twice."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from process_control.core.job import Job
from process_control.core.schedule.clock_changes import HitTime, next_hits
from process_control.core.schedule.either_day import is_either_day, weekday_test, without_weekday
from process_control.core.schedule.in_words import expression_in_words
from process_control.core.schedule.schedule import Expression, Schedule
from process_control.views.lint.finding import CLOCK, EITHER_DAY, Remark

SCHEDULE = "schedule"


def schedule_remarks(job: Job, schedule: Schedule, now: datetime) -> Iterator[Remark]:
    """Yield the warnings about each expression of the job's schedule."""
    for item, expression in enumerate(schedule.expressions):
        if is_either_day(expression):
            yield _either_day(job, item, expression)
        hits = next_hits(expression, now)
        if hits:
            yield _clock(item, hits, expression.zone)


def _either_day(job: Job, item: int, expression: Expression) -> Remark:
    words = expression_in_words(expression.terms)
    both = f'"{without_weekday(expression)}" and only_if: {weekday_test(expression, job.time_zone)}'
    return Remark(
        kind=EITHER_DAY,
        key=SCHEDULE,
        item=item,
        what=f"'{expression.written}' means \"or\": {words}",
        hint=f"for both: {both}",
    )


def _clock(item: int, hits: list[HitTime], zone: tzinfo) -> Remark:
    low = min(hit.change.window[0].time() for hit in hits)
    high = max(hit.change.window[1].time() for hit in hits)
    name = getattr(zone, "key", "the host's zone")
    return Remark(
        kind=CLOCK,
        key=SCHEDULE,
        item=item,
        what=f"clock changes in {name}: {'; '.join(map(_hit, hits))}",
        hint=f"choose a time before {low:%H:%M} or from {high:%H:%M} on, or time_zone: UTC",
    )


def _hit(hit: HitTime) -> str:
    day, time, (_, high) = f"{hit.wall:%Y-%m-%d}", f"{hit.wall:%H:%M}", hit.change.window
    if hit.change.skips:
        return f"no {time} on {day}, runs at {high:%H:%M}"
    return f"{time} twice on {day}, runs at the first"
