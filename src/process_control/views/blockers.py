"""All reasons at once why a job does not run at this moment, each with since when, and the command that ends it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.gate import backoff_in_words, hold_in_words
from process_control.core.health import State
from process_control.core.job import Job
from process_control.core.moments import span, took
from process_control.core.schedule.version import GONE, INVALID, Version
from process_control.core.sentence import Sentence, of_words
from process_control.core.usual import Comparison
from process_control.errors import NOT_PERMITTED
from process_control.execution.stop import survivors
from process_control.state.all_jobs import live_block
from process_control.state.block import Identity, jobs_sharing, read_block
from process_control.state.places import waiting_start
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.lock_waiters import queue_of
from process_control.views.job_status import JobStatus
from process_control.views.places import full_ones, waiting_in_words

#: So many characters of a reason: one endless fault must not hide the others.
MAX_DETAIL = 320
#: So many jobs that hold places are in the command that shows them.
MAX_JOBS = 8
_KIND = {True: "its", False: "the shared"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why the job does not run now. Times in `detail` are ISO 8601."""

    reason: str
    #: ISO 8601; None when that is not known
    since: str | None
    detail: str
    #: a command that ends it, or shows more of it
    remedy: str | None = None
    #: what the remedy does
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"reason": self.reason, "since": self.since, "detail": self.detail, "remedy": self.remedy}

    def sentences(self) -> list[Sentence]:
        """Return the reason, and the remedy."""
        text = self.detail if len(self.detail) <= MAX_DETAIL else f"{self.detail[:MAX_DETAIL].rpartition(' ')[0]} …"
        found = [Sentence(of_words(text))]
        return [*found, Sentence(self.hint, self.remedy)] if self.remedy is not None else found


def of_the_file(
    job: Job | InvalidJob | None, slug: str, versions: Sequence[Version], new_name: str | None = None
) -> Iterator[Blocker]:
    """Yield what the job's file, or that there is none, has against a run. `new_name`: the job that came for it."""
    newest = versions[-1] if versions else None
    since = iso(newest.since) if newest is not None else None
    if job is None and newest is None:
        what = "there is no job file of that name, and none was seen: only runs by hand are known"
        yield Blocker(reason="gone", since=None, detail=what)
    elif job is None:
        when = f" since {since}" if newest is not None and newest.state == GONE else ""
        what = f"its file is gone{when}: nothing is planned any more"
        renamed = f"; job {new_name} came at the same time, with the same schedule" if new_name is not None else ""
        yield Blocker(
            reason="gone",
            since=since if when else None,
            detail=f"{what}{renamed}",
            remedy=f"process-control why {new_name}" if new_name is not None else None,
            hint="It may have been renamed; what that one does:",
        )
    elif isinstance(job, InvalidJob):
        first, *more = job.error.faults
        rest = f" (and {len(more)} more)" if more else ""
        where = f"{first.where}: " if first.where else ""
        is_unsafe = job.error.exit_code == NOT_PERMITTED and len(job.error.faults) == 1 and first.hint
        is_known = newest is not None and newest.state == INVALID
        when = f" since {since}" if is_known else ""
        yield Blocker(
            reason="invalid",
            since=since if is_known else None,
            detail=f"its file is invalid{when}: {where}{first.what}{rest}",
            remedy=first.hint if is_unsafe else f"process-control lint {slug}",
            hint="To put that right:" if is_unsafe else "All its faults, with hints:",
        )
    elif job.fleet_schedule:
        yield Blocker(
            reason="in_fleet",
            since=since,
            detail="the fleet plans it, and no host does: its history here has only the runs of this host",
            remedy=f"process-control why {slug} --fleet",
            hint="Why it does not run there:",
        )
    elif not job.schedule:
        yield Blocker(
            reason="no_schedule",
            since=since,
            detail="its file has no `schedule`: it runs by hand only",
            remedy="process-control explain schedule",
            hint="How to write one:",
        )


def of_a_command(slug: str) -> Blocker:
    """Return why what `exec` ran under this name does not run by itself."""
    return Blocker(
        reason="no_schedule",
        since=None,
        detail="it is not a job, but a command that `exec` ran under that name: nothing is planned for it",
        remedy=f"process-control history {slug}",
        hint="All its runs:",
    )


def of_the_job(status: JobStatus, versions: Sequence[Version]) -> Iterator[Blocker]:
    """Yield what the file says, and what the job's past means for its next start."""
    job, health, slug = status.definition, status.health, status.slug
    if job is not None and job.disabled:
        disabled = [version for version in versions if version.plan is not None and version.plan.disabled]
        yield Blocker(
            reason="disabled",
            since=iso(disabled[-1].since) if disabled and disabled[-1] is versions[-1] else None,
            detail="it is disabled: its file says `disabled: true`",
            remedy=f"process-control run {slug}",
            hint="To run it by hand all the same:",
        )
    if health.state is State.HELD:
        doubt = (status.why or "").partition(";")[0]  # what cannot be read counts as held
        words = doubt if doubt and not health.since else hold_in_words(health.to_record())
        yield Blocker(
            reason="held",
            since=health.since,
            detail=f"it is {words}" if words.startswith("held") else words,
            remedy=f"process-control release {slug}",
            hint="To release it:",
        )
    until = status.backoff_until
    if until is not None and health.state is State.FAILING and until > iso(datetime.now(UTC).timestamp()):
        yield Blocker(
            reason="backoff",
            since=health.since,
            detail=backoff_in_words(health.to_record()),
            remedy=f"process-control release {slug}",
            hint="To end the backoff:",
        )


def of_the_day(job: Job, versions: Sequence[Version], now: float) -> Iterator[Blocker]:
    """Yield that today is excluded."""
    plan = versions[-1].plan if versions else None
    day = plan.excluded_by(int(now)) if plan is not None else None
    if day is not None:
        yield Blocker(
            reason="excluded",
            since=None,
            detail=f"today is excluded: {day}",
            remedy=f"process-control show {job.slug}",
            hint="Its next planned times:",
        )


def of_the_lock(job: Job, settings: Settings, medians: "Medians", now: datetime) -> Iterator[Blocker]:
    """Yield who has the job's lock, when that is no run of its own, and which starts wait for it."""
    state = settings.state_directory
    others = [slug for slug in _jobs_of_lock(state, job) if slug != job.slug]
    for holder in [block for slug in others if (block := live_block(state, slug)) is not None]:
        yield _held_by(holder, job, medians, now)
    yield from _survivors(state, job.slug)
    queue = queue_of(layout.lock(settings.run_directory, job.lock))
    places = [place for place, pid in enumerate(queue, 1) if job.slug.encode() in _words_of(pid)]
    if places:
        what = f"a start waits for {_KIND[job.lock == job.slug]} lock '{job.lock}': place {places[0]} of {len(queue)}"
        yield Blocker(
            reason="waiting",
            since=None,
            detail=f"{what}, pid {queue[places[0] - 1]}",
            remedy=f"process-control status {job.slug}",
            hint="What runs now:",
        )


def of_the_places(job: Job, settings: Settings) -> Iterator[Blocker]:
    """Yield that a start of the job waits for a place or for its turn, or that it would have to."""
    identity = Identity()
    full = list(full_ones(job, settings, identity))
    note = waiting_start(settings.run_directory, job.slug, identity)
    if note is not None:
        full = [("waiting", waiting_in_words(note, settings, identity), full[0][2] if full else [])]
    for reason, words, jobs in full:
        yield Blocker(
            reason=reason,
            since=_text(note.get("at")) if note is not None else None,
            detail=words,
            remedy=f"process-control status {' '.join(jobs[:MAX_JOBS])}".rstrip(),
            hint="What runs now:",
        )


def _survivors(state_directory: str, slug: str) -> Iterator[Blocker]:
    """Yield that processes of the last run still live though its runner is gone."""
    block = read_block(state_directory, slug)
    if block is None or not (block.get("left") or block.get("end") is None) or live_block(state_directory, slug):
        return
    left = survivors(block)
    if left:
        pids = ", ".join(map(str, left[:5]))
        yield Blocker(
            reason="survivors",
            since=_text(block.get("started_at")),
            detail=f"processes of run {block.get('run_id')}, which is over, still live: pid {pids}",
            remedy=f"process-control stop {slug}",
            hint="To end them:",
        )


class Medians:
    """How long runs of other jobs usually take, looked up when it is asked for."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def of(self, slug: str) -> float | None:
        summary = self._index.summaries([slug]).get(slug)
        if summary is not None:
            return None if summary.median_seconds is None else float(summary.median_seconds)
        from process_control.core.usual import usual

        return usual([run.duration_seconds for run in self._index.runs(jobs=[slug], limit=20) if run.outcome])


def how_long(began: str | None, median: float | None, now: datetime) -> tuple[str, bool]:
    """Return `for 5 h (usually 2 min)`, and whether that is far from the usual."""
    if began is None:
        return "", False
    seconds = (now - datetime.fromisoformat(began)).total_seconds()
    usually = f" (usually {took(median)})" if median is not None else ""
    is_far = median is not None and seconds > median and Comparison(value=seconds, usual=median).is_far
    return f"for {span(seconds)}{usually}", is_far


def of_the_trigger(troubles: Sequence[tuple[str, str]]) -> Iterator[Blocker]:
    """Yield what keeps the trigger from starting it. `troubles`: (reason, sentence that ends in `: command`)."""
    for reason, text in troubles:
        detail, _, command = text.rpartition(": ")
        command = command.partition(", or ")[0]
        what, _, label = detail.partition("; ")
        yield Blocker(reason=reason, since=None, detail=what, remedy=command, hint=f"{label or 'To fix it'}:")


def next_time(status: JobStatus, schedules: KnownSchedules, blockers: Sequence[Blocker]) -> list[Sentence]:
    """Return when the next planned time is, and whether it will be skipped."""
    job = status.definition
    planned = schedules.next_slot(job) if job is not None else None
    if job is None or planned is None:
        return []
    runs = None if job.disabled else status.next_slot(schedules)
    at = iso(planned.timestamp())
    left = span((planned - schedules.now).total_seconds())
    if runs == planned:
        return [Sentence(f"Its next planned time is {at} (in {left}).")]
    why = " and ".join(each.reason for each in blockers if each.reason in ("disabled", "held", "backoff"))
    words = f"Its next planned time, {at} (in {left}), will be skipped as things are: {why or 'held'}."
    later = [Sentence(f"The first one that will run is {iso(runs.timestamp())}.")] if runs is not None else []
    return [Sentence(words), *later]


def _held_by(block: dict[str, Any], job: Job, medians: Medians, now: datetime) -> Blocker:
    holder, began = str(block.get("job")), _text(block.get("started_at"))
    length, is_far = how_long(began, medians.of(holder), now)
    stop = (f"process-control stop {holder}", "To end that run:")
    remedy, hint = stop if is_far else (f"process-control status {holder}", "How far it is:")
    what = f"job {holder} holds the shared lock '{job.lock}' {length}: run {block.get('run_id')} since {began}"
    return Blocker(reason="lock", since=began, detail=what, remedy=remedy, hint=hint)


def _jobs_of_lock(state_directory: str, job: Job) -> list[str]:
    """Return the jobs that may hold the job's lock: those that named it, and the one whose name it is."""
    try:
        return sorted({*jobs_sharing(state_directory, job.lock), job.lock})
    except OSError:
        return [job.lock]


def _words_of(pid: int) -> list[bytes]:
    try:
        return proc.read_small(f"/proc/{pid}/cmdline").split(b"\0")
    except (OSError, ValueError):
        return []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
