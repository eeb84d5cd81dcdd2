"""What is to be expected of planned runs, in words: overlaps, herds and timeouts. For `plan` and `lint`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.core.job import Job
from process_control.core.measures import duration
from process_control.core.moments import day_and_time
from process_control.core.schedule.herds import Herd
from process_control.core.schedule.overlaps import LockOverlap, OwnOverlap
from process_control.core.usual import UsualDuration

MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortTimeout:
    """A timeout that is not longer than an attempt usually takes, in seconds."""

    job: str
    timeout_seconds: float
    usual_seconds: float


Expected = OwnOverlap | LockOverlap | Herd | ShortTimeout


def short_timeout(job: Job, usual: UsualDuration | None) -> ShortTimeout | None:
    """Return it for a job whose timeout is not longer than one attempt usually takes."""
    attempt = usual.attempt if usual is not None else None
    if attempt is None or not 0 < job.timeout_seconds <= attempt:
        return None
    return ShortTimeout(job=job.slug, timeout_seconds=job.timeout_seconds, usual_seconds=attempt)


def in_words(each: Expected, now: datetime) -> str:
    """Return one sentence, without the end mark."""
    if isinstance(each, OwnOverlap):
        takes = "usually takes" if each.is_usual else "takes in 1 of 20 runs"
        return (
            f"{each.job} {takes} {duration(each.seconds)}, but starts every {duration(each.gap_seconds)}: "
            f"{each.count:,} of {each.of:,} planned times fall into a run"
        )
    if isinstance(each, LockOverlap):
        times = "once" if each.count == 1 else f"{each.count:,} times, first"
        return (
            f"{named(each.jobs)} share the lock '{each.lock}', and their usual runs overlap {times} {_at(each.at, now)}"
        )
    if isinstance(each, Herd):
        return f"{len(each.jobs):,} jobs start in one minute, {_at(each.at, now)}: {named(each.jobs)}"
    return (
        f"{each.job} has a timeout of {duration(each.timeout_seconds)}, "
        f"but an attempt usually takes {duration(each.usual_seconds)}"
    )


def named(jobs: Sequence[str]) -> str:
    """Return `a, b and c`; of many jobs the first ones and how many more."""
    shown = list(jobs[:MAX_NAMED])
    rest = len(jobs) - len(shown)
    words = [*shown, f"{rest:,} more"] if rest else shown
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def jobs_of(each: Expected) -> tuple[str, ...]:
    return each.jobs if isinstance(each, Herd | LockOverlap) else (each.job,)


def not_among(found: Iterable[Expected], others: Sequence[Expected]) -> list[Expected]:
    """Return those that were not to be expected already, whatever the figures are; a herd that got more jobs too."""
    known = {_identity(other) for other in others}
    of_minute: dict[int, list[set[str]]] = {}
    for other in others:
        if isinstance(other, Herd):
            of_minute.setdefault(other.at, []).append(set(other.jobs))
    return [
        each
        for each in found
        if not (
            any(jobs.issuperset(each.jobs) for jobs in of_minute.get(each.at, ()))
            if isinstance(each, Herd)
            else _identity(each) in known
        )
    ]


def not_replaced(found: Iterable[Expected], others: Iterable[Expected]) -> list[Expected]:
    """Return those of which none of the others is about the same: the job, the lock and its jobs, or the minute."""
    known = {_identity(other) for other in others}
    return [each for each in found if _identity(each) not in known]


def _identity(each: Expected) -> tuple[object, ...]:
    if isinstance(each, Herd):
        return "herd", each.at
    if isinstance(each, LockOverlap):
        return "lock", each.lock, each.jobs
    return "timeout" if isinstance(each, ShortTimeout) else "overlap", each.job


def _at(moment: int, now: datetime) -> str:
    return day_and_time(datetime.fromtimestamp(moment, UTC), now)
