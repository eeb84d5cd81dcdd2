"""The last runs of many jobs, from the index of the history and the blocks of runs that have no recorded end."""

from dataclasses import replace

from process_control.core.job import is_slug
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.index.summary import RECENT_RUNS, JobSummary, Mark, summarize

_NOT_SKIPPED = ("succeeded", "warned", "failed", "lost", "running")


class LastRuns:
    """The last runs of jobs: from the summary that the index keeps of a job, else by reading its last runs."""

    def __init__(self, slugs: list[str], index: Index) -> None:
        self._index = index
        self._open_runs = {run.run_id: run for run in index.open_runs()}
        self._summaries = index.summaries(slugs)
        others = [slug for slug in slugs if slug not in self._summaries]
        latest = index.latest(filter(is_slug, others), count=RECENT_RUNS)  # a file may have any bytes in its name
        self._summaries |= {slug: self._look_at(slug, latest.get(slug, [])) for slug in others}
        wanted = [summary.last_run for summary in self._summaries.values() if summary.last_run is not None]
        self._last = index.runs_by_id(wanted)

    def summary(self, slug: str, running: Run | None) -> JobSummary:
        """Return the summary of the last runs, with the running one: its start may not be in the journal yet."""
        if running is None:
            return self._summaries[slug]
        before = self._summaries[slug].last_run
        recent = self._with_outcomes(self._index.latest([slug], count=RECENT_RUNS)[slug])
        if not any(run_id == running.run_id for run_id, _, _ in recent):
            recent = [(running.run_id, None, None), *recent][:RECENT_RUNS]
        return summarize(recent, older=before)

    def last(self, slug: str) -> Run | None:
        """Return the last run that ended and was not skipped."""
        run_id = self._summaries[slug].last_run
        return None if run_id is None else self._last.get(run_id)

    def _look_at(self, slug: str, latest: list[Mark]) -> JobSummary:
        summary = summarize(self._with_outcomes(latest))
        if summary.last_run is not None or len(latest) < RECENT_RUNS:
            return summary
        older = self._index.runs(jobs=[slug], outcomes=_NOT_SKIPPED, limit=2)  # nothing but skips lately
        return replace(summary, last_run=next((run.run_id for run in older if run.outcome is not None), None))

    def _with_outcomes(self, latest: list[Mark]) -> list[Mark]:
        """Return the runs with their outcomes; one without a recorded end may be lost, or have ended in its block."""
        return [
            (run_id, self._open_runs[run_id].outcome if run_id in self._open_runs else outcome, took)
            for run_id, outcome, took in latest
        ]
