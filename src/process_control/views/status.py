"""JobStatus, the one read model: what every list, screen and page tells of a job.

It reads the job files, health, the history's index and the blocks of runs, and nothing else. Which word says how a job
stands is decided in `core/job_state.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from os import uname
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import SKIPPED, SUCCEEDED, WARNED
from process_control.core.gate import garbage_in_words, hold_in_words
from process_control.core.health import NO_POLICY, Health, Policy, State
from process_control.core.job import Job
from process_control.core.job_state import FAILING, HELD, LATE, NEVER_RAN, SLOW_START, STOPPED, WORST_FIRST, state_of
from process_control.core.moments import parse_iso
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.core.usual import Comparison, usual
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run, run_of_block
from process_control.history.index.summary import RECENT_RUNS, Glance, Mark, glance_at
from process_control.state.all_jobs import Standing, health_record
from process_control.views.alerts import alerts_of, refusal_in_words, stray_in_words
from process_control.views.late_slots import late_in_words, late_slot

RUNS_COMPARED = 50
_RANK = {state: rank for rank, state in enumerate(WORST_FIRST)}
_NOT_SKIPPED = ("succeeded", "warned", "failed", "lost", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStart:
    """How far a slow start is: so many of so many runs went well; and how the last of them compares."""

    successes: int
    runs: int
    seconds: Comparison
    output_bytes: Comparison

    @property
    def step(self) -> str:
        """The next run: `2 of 3`."""
        return f"{self.successes + 1} of {self.runs}"

    @property
    def in_words(self) -> str:
        words = f"slow start, the next run is {self.step}"
        if self.seconds.value is None:
            return words
        return f"{words}; the last took {self.seconds.in_words}, its output was {self.output_bytes.in_words}"

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "runs": self.runs,
            "successes": self.successes,
            "last_seconds": self.seconds.value,
            "usual_seconds": self.seconds.usual,
            "last_output_bytes": self.output_bytes.value,
            "usual_output_bytes": self.output_bytes.usual,
            "is_unusual": self.seconds.is_far or self.output_bytes.is_far,
        }


@dataclass(slots=True, kw_only=True)  # not frozen: as a Run, made for each of thousands of jobs
class JobStatus:
    """How a job stands. `definition` is None when its file is invalid; `why` is the reason for its state, in words.

    `last` is the last run that ended and was not skipped; `recent` are the outcomes of the last runs, skipped ones
    too, oldest first (None: it is running); the median is that of the recent runs that went well. `settled_slot` is the
    last slot (UTC seconds) that had its run or its skip; `late_slot` the one that should have been started by now, when
    nothing became of it. `alerts` are sentences: what needs a look whatever the state.
    """

    slug: str
    path: str
    state: str
    why: str | None
    definition: Job | None
    health: Health
    last: Run | None
    running: Run | None
    recent: tuple[str | None, ...]
    median_seconds: float | None
    settled_slot: int | None
    slow_start: SlowStart | None = None
    alerts: tuple[str, ...] = ()
    late_slot: datetime | None = None

    @property
    def backoff_until(self) -> str | None:
        """Until when slots are skipped (ISO 8601 UTC); None when none are."""
        until = self.health.backoff_until
        return until if until is not None and self.definition and self.definition.backoff_delay_seconds else None

    @property
    def name(self) -> str | None:
        return self.definition.name if self.definition else None

    @property
    def last_in_words(self) -> str:
        """Why the last run ended as it did."""
        return self.last.why if self.last is not None else ""

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the job; None without one, or when its zone is no longer known."""
        return _schedule(self.definition, None)

    def next_slot(self, schedules: KnownSchedules) -> datetime | None:
        """Return the next planned time that will run; None for a job that is disabled, invalid or held without end."""
        if self.definition is None or self.definition.disabled:
            return None
        slot = schedules.next_slot(self.definition)
        if self.health.state is State.HELD:
            held_until = self.health.release_at or self.health.probe_at
            return self._first_slot_from(held_until, slot, schedules) if held_until else None
        return self._first_slot_from(self.backoff_until, slot, schedules) if self.backoff_until else slot

    def _first_slot_from(self, moment: str, slot: datetime | None, schedules: KnownSchedules) -> datetime | None:
        """Return the first planned time that is no earlier than `moment`, and no earlier than `slot`."""
        earliest = parse_iso(moment)
        if slot is None or earliest is None or slot >= earliest or self.definition is None:
            return slot
        return schedules.first_slot_from(self.definition, earliest)

    def to_json(self, schedules: KnownSchedules) -> dict[str, Any]:
        """Return the job with the keys of every `--json` answer."""
        job = self.definition
        slot = self.next_slot(schedules)
        return {
            "job": self.slug,
            "name": self.name,
            "state": self.state,
            "why": self.why,
            "alerts": list(self.alerts),
            "health": self.health.state.value,
            "failures_in_row": self.health.failures_in_row,
            "held": hold_as_json(self.health),
            "slow_start": self.slow_start.to_json() if self.slow_start else None,
            "backoff_until": self.backoff_until,
            "late": f"{self.late_slot:%Y-%m-%dT%H:%M:%S.000Z}" if self.late_slot else None,
            "next": slot.strftime("%Y-%m-%dT%H:%M:%S.000Z") if slot else None,
            "last": self.last.to_json() if self.last else None,
            "running": self.running.to_json() if self.running else None,
            "recent": [outcome or "running" for outcome in self.recent],
            "median_seconds": self.median_seconds,
            "schedule": list(job.schedule) if job else None,
            "schedule_in_words": schedules.words(job) if job else None,
            "disabled": job.disabled if job else None,
            "tags": list(job.tags) if job else [],
            "owner": job.owner if job else None,
            "description": job.description if job else None,
            "path": self.path,
        }


def read_statuses(
    settings: Settings, jobs: Iterable[Job | InvalidJob], index: Index, schedules: KnownSchedules | None = None
) -> list[JobStatus]:
    """Return how these jobs stand, worst first, then by name. `schedules`: what is known of them at this moment."""
    wanted = list(jobs)
    schedules = schedules or KnownSchedules(settings, datetime.now(UTC))
    history = _LastRuns([job.slug for job in wanted], index)
    with Standing(settings.state_directory) as standing:
        look = _Look(standing, history, index, schedules)
        statuses = [look.status(job) for job in wanted]
    return sorted(statuses, key=lambda status: (_RANK[status.state], status.slug))


class _LastRuns:
    """What the history tells of many jobs: at a glance where it keeps one, else by looking at the last runs."""

    def __init__(self, slugs: list[str], index: Index) -> None:
        self._index = index
        self._open_runs = {run.run_id: run for run in index.open_runs()}
        self._glances = index.glances(slugs)
        others = [slug for slug in slugs if slug not in self._glances]
        latest = index.latest(others, count=RECENT_RUNS)
        self._glances |= {slug: self._look_at(slug, latest[slug]) for slug in others}
        wanted = [glance.last_run for glance in self._glances.values() if glance.last_run is not None]
        self._last = index.runs_by_id(wanted)

    def glance(self, slug: str, running: Run | None) -> Glance:
        """Return the last runs with the one that goes on: its start may not have come to the journal."""
        if running is None:
            return self._glances[slug]
        before = self._glances[slug].last_run
        recent = self._with_outcomes(self._index.latest([slug], count=RECENT_RUNS)[slug])
        if not any(run_id == running.run_id for run_id, _, _ in recent):
            recent = [(running.run_id, None, None), *recent][:RECENT_RUNS]
        return glance_at(recent, older=before)

    def last(self, slug: str) -> Run | None:
        """Return the last run that ended and was not skipped."""
        run_id = self._glances[slug].last_run
        return None if run_id is None else self._last.get(run_id)

    def _look_at(self, slug: str, latest: list[Mark]) -> Glance:
        glance = glance_at(self._with_outcomes(latest))
        if glance.last_run is not None or len(latest) < RECENT_RUNS:
            return glance
        older = self._index.runs(jobs=[slug], outcomes=_NOT_SKIPPED, limit=2)  # nothing but skips lately
        return replace(glance, last_run=next((run.run_id for run in older if run.outcome is not None), None))

    def _with_outcomes(self, latest: list[Mark]) -> list[Mark]:
        """Return the runs with their outcomes; one without a recorded end may be lost, or have ended in its block."""
        return [
            (run_id, self._open_runs[run_id].outcome if run_id in self._open_runs else outcome, took)
            for run_id, outcome, took in latest
        ]


class _Look:
    """One look at many jobs. Healths are alike: that of most jobs is understood once."""

    def __init__(self, standing: Standing, history: _LastRuns, index: Index, schedules: KnownSchedules) -> None:
        self._standing = standing
        self._history = history
        self._index = index
        self._schedules = schedules
        self._now_seconds = datetime.now(UTC).timestamp()
        self._now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        self._healths: dict[bytes, Health] = {}

    def status(self, job: Job | InvalidJob) -> JobStatus:
        health, doubt = self._health(job)
        settled_slot, block = self._standing.slot_and_running(job.slug)
        running = run_of_block(block) if block is not None else None
        last, glance = self._history.last(job.slug), self._history.glance(job.slug, running)
        definition = job if isinstance(job, Job) else None
        late = late_slot(definition, settled_slot, self._schedules, last) if definition is not None else None
        state = state_of(
            is_valid=definition is not None,
            is_disabled=definition is not None and definition.disabled,
            is_running=running is not None,
            health=health.state,
            last_outcome=last.outcome if last else None,
            last_reason=last.reason if last else None,
            is_late=late is not None,
        )
        slow_start = _slow_start(definition, health, self._index) if definition is not None else None
        alerts = alerts_of(
            slug=job.slug,
            last=last,
            running=block,
            recent=glance.outcomes,
            index=self._index,
            now=self._now_seconds,
        )
        stray = stray_in_words(
            self._standing.mark(job.slug, "stray"),
            version=definition.version if definition else None,
            settled_slot=settled_slot,
        )
        refusal = refusal_in_words(
            self._standing.refusal(job.slug),
            slug=job.slug,
            started=[run.started_at for run in (last, running) if run is not None],
        )
        alerts += [words for words in (stray, refusal) if words]
        why = _why(state, job, health, doubt, last, slow_start)
        if state == LATE and late is not None:
            why = late_in_words(late, self._schedules.host_zone())
        elif state == NEVER_RAN and glance.outcomes[-1:] == (SKIPPED,) and not alerts:
            why = self._last_skip(job.slug)
        return JobStatus(
            slug=job.slug,
            path=job.path,
            state=state,
            why=why,
            definition=definition,
            health=health,
            last=last,
            running=running,
            recent=glance.outcomes,
            median_seconds=glance.median_seconds,
            settled_slot=settled_slot,
            slow_start=slow_start,
            alerts=tuple(alerts),
            late_slot=late,
        )

    def _last_skip(self, slug: str) -> str | None:
        """Return why the last start of a job that never ran was skipped."""
        skips = self._index.runs(jobs=[slug], limit=1)
        return f"its last start was skipped: {skips[0].detail or skips[0].reason}" if skips else None

    def _health(self, job: Job | InvalidJob) -> tuple[Health, str | None]:
        """Return the health and, when its file cannot be understood (then the job counts as held), why."""
        try:
            text = self._standing.health(job.slug)
            if text is None:
                return Health(), None
            if text not in self._healths:
                self._healths[text] = Health.from_record(health_record(text))
        except ValueError as error:
            return Health(state=State.HELD), garbage_in_words(error)
        health = self._healths[text]
        if health.state is not State.HELD:
            return health, None
        policy = Policy.of(job) if isinstance(job, Job) else NO_POLICY
        return health.as_of(self._now, policy), None


def _slow_start(job: Job, health: Health, index: Index) -> SlowStart | None:
    """Return how far the slow start is. Its last run is compared with earlier ones of the same command."""
    if health.state is not State.SLOW_START or not job.slow_start_runs:
        return None
    doses = [
        run
        for run in index.runs(jobs=[job.slug], outcomes=(SUCCEEDED, WARNED), limit=RUNS_COMPARED)
        if run.slow_start or not job.slow_start_command
    ]
    last = doses[0] if doses and doses[0].slow_start and doses[0].started_at >= (health.since or "") else None
    earlier = doses[1:] if last is not None else doses
    return SlowStart(
        successes=health.slow_successes,
        runs=job.slow_start_runs,
        seconds=Comparison(
            value=last.duration_seconds if last else None, usual=usual([run.duration_seconds for run in earlier])
        ),
        output_bytes=Comparison(
            value=_output_bytes(last) if last else None, usual=usual([_output_bytes(run) for run in earlier])
        ),
    )


def _output_bytes(run: Run) -> float | None:
    if run.stdout_bytes is None or run.stderr_bytes is None:
        return None
    return run.stdout_bytes + run.stderr_bytes


def hold_as_json(health: Health) -> dict[str, Any] | None:
    if health.state is not State.HELD:
        return None
    return {
        "since": health.since,
        "by": health.by,
        "why": health.why,
        "kind": health.hold_kind.value if health.hold_kind else None,
        "until": health.release_at,
        "next_probe": health.probe_at,
        "run_id": health.run_id,
        "evidence": health.evidence,
    }


def _why(
    state: str,
    job: Job | InvalidJob,
    health: Health,
    doubt: str | None,
    last: Run | None,
    slow_start: SlowStart | None,
) -> str | None:
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


def _schedule(job: Job | None, zone: tzinfo | None) -> Schedule | None:
    if job is None or not job.schedule:
        return None
    try:
        return Schedule.parse(
            job.schedule, time_zone=job.time_zone or zone or host_zone(), host=uname().nodename, slug=job.slug
        )
    except ScheduleError:
        return None
