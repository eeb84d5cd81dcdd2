"""How jobs stand: JobStatus from job files, health, the index of the history and the blocks of runs, and nothing else.

Which word names the state is decided in `core/job_state.py`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import SKIPPED, WARNED
from process_control.core.gate import garbage_in_words, hold_in_words
from process_control.core.health import NO_POLICY, Health, Policy, State
from process_control.core.health_table import after_pause
from process_control.core.job import Job
from process_control.core.job_state import (
    FAILING,
    HELD,
    INVALID,
    LATE,
    NEVER_RAN,
    SLOW_START,
    STOPPED,
    WORST_FIRST,
    state_of,
)
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run, run_of_block
from process_control.state.all_jobs import AllJobs, health_record
from process_control.state.silences import read_silences, silenced_until
from process_control.views.alerts import alerts_of, refusal_in_words, stray_in_words
from process_control.views.job_status import JobStatus
from process_control.views.last_runs import LastRuns
from process_control.views.late_slots import LateSlots, late_in_words, question_for
from process_control.views.open_incidents import IncidentsOfJobs
from process_control.views.places import waiting_starts
from process_control.views.slow_start import SlowStart, slow_start_of
from process_control.views.stale_jobs import stale_job

_RANK = {state: rank for rank, state in enumerate(WORST_FIRST)}


def read_statuses(
    settings: Settings, jobs: Iterable[Job | InvalidJob], index: Index, schedules: KnownSchedules | None = None
) -> list[JobStatus]:
    """Return how these jobs stand, worst first, then by slug.

    `schedules` caches their planned times; without it they are computed for this moment.
    """
    wanted = list(jobs)
    schedules = schedules or KnownSchedules(settings, datetime.now(UTC))
    history = LastRuns([job.slug for job in wanted], index)
    with AllJobs(settings.state_directory) as all_jobs:
        look = _Look(settings, all_jobs, history, index, schedules)
        statuses = [look.status(job) for job in wanted]
    return worst_first(statuses)


def worst_first(statuses: Iterable[JobStatus]) -> list[JobStatus]:
    """Return the statuses by state, then by slug."""
    return sorted(statuses, key=lambda status: (_RANK[status.state], status.slug))


def only_failed(statuses: Iterable[JobStatus]) -> list[JobStatus]:
    """Return those of failing jobs and of invalid files."""
    return [status for status in statuses if status.state in (FAILING, INVALID)]


class _Look:
    """Makes the status of many jobs at one moment. Most have the same health, so each text of one is parsed once."""

    def __init__(
        self, settings: Settings, all_jobs: AllJobs, history: LastRuns, index: Index, schedules: KnownSchedules
    ) -> None:
        self._settings = settings
        self._all_jobs = all_jobs
        self._history = history
        self._index = index
        self._late = LateSlots(settings, index, schedules)
        self._schedules = schedules
        self._now_seconds = datetime.now(UTC).timestamp()
        self._now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        self._healths: dict[bytes, Health] = {}
        self._question = question_for(settings.state_directory)
        self._incidents = IncidentsOfJobs(settings.state_directory, all_jobs)
        self._silences = read_silences(settings.state_directory, now=self._now)
        self._waiting = waiting_starts(settings)

    def status(self, job: Job | InvalidJob) -> JobStatus:
        health, doubt = self._health(job)
        settled_slot, block = self._all_jobs.slot_and_running(job.slug)
        running = run_of_block(block) if block is not None else None
        last, summary = self._history.last(job.slug), self._history.summary(job.slug, running)
        definition = job if isinstance(job, Job) else None
        late = self._late.of(definition, settled_slot, last) if definition is not None else None
        state = _state(definition, health, last, is_running=running is not None, is_late=late is not None)
        slow_start = slow_start_of(definition, health, self._index) if definition is not None else None
        alerts = alerts_of(
            slug=job.slug, last=last, running=block, recent=summary.outcomes, index=self._index, now=self._now_seconds
        )
        stale = None
        if definition is not None and "success_every" in definition.expect:
            stale = stale_job(definition, last, self._index, self._settings, now=self._now_seconds)
        alerts += [stale] if stale else []
        alerts += self._refused_starts(job.slug, definition, settled_slot, last, running)
        why = _why(state, job, health, doubt, last, slow_start)
        if state == LATE and late is not None:
            why = late_in_words(late, self._schedules.host_zone(), self._question)
        elif state == NEVER_RAN and summary.outcomes[-1:] == (SKIPPED,) and not alerts:
            why = self._last_skip(job.slug)
        why = why or stale or self._waiting.get(job.slug)
        return JobStatus(
            slug=job.slug,
            path=job.path,
            state=state,
            why=why,
            definition=definition,
            health=health,
            last=last,
            running=running,
            recent=summary.outcomes,
            median_seconds=summary.median_seconds,
            settled_slot=settled_slot,
            slow_start=slow_start,
            alerts=tuple(alerts),
            late_slot=late,
            late_question=self._question,
            stale=stale,
            incident=self._incidents.of(job.slug),
            silenced_until=silenced_until(self._silences, job.slug, definition.tags if definition else ()),
        )

    def _refused_starts(
        self, slug: str, job: Job | None, settled_slot: int | None, last: Run | None, running: Run | None
    ) -> list[str]:
        """Return alerts about starts that came to no run: for a time that nobody planned, or refused."""
        stray = stray_in_words(
            self._all_jobs.mark(slug, "stray"), version=job.version if job else None, settled_slot=settled_slot
        )
        started = [run.started_at for run in (last, running) if run is not None]
        refusal = refusal_in_words(self._all_jobs.refusal(slug), slug=slug, started=started)
        return [words for words in (stray, refusal) if words]

    def _last_skip(self, slug: str) -> str | None:
        """Return why the last start of a job that never ran was skipped."""
        skips = self._index.runs(jobs=[slug], limit=1)
        return f"its last start was skipped: {skips[0].detail or skips[0].reason}" if skips else None

    def _health(self, job: Job | InvalidJob) -> tuple[Health, str | None]:
        """Return the health and, when its file cannot be understood (then the job counts as held), why."""
        try:
            text = self._all_jobs.health(job.slug)
            if text is None:
                return Health(), None
            if text not in self._healths:
                self._healths[text] = Health.from_record(health_record(text))
        except ValueError as error:
            return Health(state=State.HELD), garbage_in_words(error)
        health = self._healths[text]
        if health.state is not State.HELD:
            return health, None
        policy = Policy.from_job(job) if isinstance(job, Job) else NO_POLICY
        return after_pause(health, self._now, policy), None


def _state(job: Job | None, health: Health, last: Run | None, *, is_running: bool, is_late: bool) -> str:
    return state_of(
        is_valid=job is not None,
        is_disabled=job is not None and job.disabled,
        is_running=is_running,
        health=health.state,
        last_outcome=last.outcome if last else None,
        last_reason=last.reason if last else None,
        is_late=is_late,
    )


def _why(
    state: str,
    job: Job | InvalidJob,
    health: Health,
    doubt: str | None,
    last: Run | None,
    slow_start: SlowStart | None,
) -> str | None:
    """Return the reason for the state, in words. `doubt`: why the health cannot be understood."""
    if isinstance(job, InvalidJob):
        return str(job.error)
    if state == HELD:
        return doubt or hold_in_words(health.to_record())
    if state == SLOW_START and slow_start is not None:
        return slow_start.in_words
    if last is None or state not in (FAILING, WARNED, STOPPED):
        return None
    why = last.why or None
    if state == FAILING and job.backoff_delay_seconds and health.backoff_until is not None:
        return f"{why}; backing off until {health.backoff_until}"
    return why
