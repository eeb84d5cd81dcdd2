"""A run beside the others of its job: the one before and the one behind, the last good one, its incident."""

from collections.abc import Sequence
from dataclasses import dataclass

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.noise import new_lines
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_reader import current_path
from process_control.state.incident_store import Store
from process_control.views.stderr_of_runs import MAX_PAST_RUNS, last_good_before, stderr_lines

MAX_NEWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a run is compared with."""

    previous: Run | None
    #: Among the newest runs of the job.
    following: Run | None
    good: Run | None
    #: Lines on stderr that the last good run did not have, in their order.
    news: Sequence[str]
    #: The id of the incident that was open when it ended.
    incident: str | None


def context_of(run: Run, job: Job | None, settings: Settings, index: Index) -> Context:
    """Return what a run is compared with."""
    before = index.runs(jobs=[run.job], before=(run.started_at, run.run_id), limit=MAX_PAST_RUNS)
    newest = index.runs(jobs=[run.job], since=run.started_at, limit=MAX_PAST_RUNS)
    behind = [each for each in newest if (each.started_at, each.run_id) > (run.started_at, run.run_id)]
    good = last_good_before(before, run)
    return Context(
        previous=before[0] if before else None,
        following=behind[-1] if behind and len(newest) < MAX_PAST_RUNS else None,
        good=good,
        news=_news(run, good, job, settings),
        incident=_incident(run, settings),
    )


def _news(run: Run, good: Run | None, job: Job | None, settings: Settings) -> list[str]:
    if good is None or not run.log:
        return []
    lines = [stderr_lines(_moved(each, settings), job, settings.state_directory) for each in (run, good)]
    found = new_lines(*lines)
    return list(dict.fromkeys(line for line in lines[0] if line in found))[:MAX_NEWS]


def _moved(run: Run, settings: Settings) -> Run:
    run.log = run.log and current_path(run.log, settings.output_directory)
    return run


def _incident(run: Run, settings: Settings) -> str | None:
    store, ended = Store(settings.state_directory), run.ended_at or run.started_at
    for known in (*store.open_incidents(), *store.closed_incidents()):
        is_of_the_job = run.job in known.parts and known.opened_at is not None
        if is_of_the_job and known.since <= ended and (known.closed_at is None or run.started_at <= known.closed_at):
            return known.id
    return None
