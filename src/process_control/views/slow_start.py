"""How far the slow start of a job is, and how its last run compares with the usual ones."""

from dataclasses import dataclass
from typing import Any

from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.health import Health, State
from process_control.core.job import Job
from process_control.core.usual import Comparison, usual
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run

RUNS_COMPARED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStart:
    """How far a slow start is."""

    #: How many of its runs went well so far.
    successes: int
    #: How many it takes.
    runs: int
    #: How long its last run took, in seconds, compared with earlier runs of the same command.
    seconds: Comparison
    #: How much its last run printed.
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


def slow_start_of(job: Job, health: Health, index: Index) -> SlowStart | None:
    """Return how far the slow start of the job is; None when there is none.

    Its last run is compared with earlier ones of the same command.
    """
    if health.state is not State.SLOW_START or not job.slow_start_runs:
        return None
    runs = [
        run
        for run in index.runs(jobs=[job.slug], outcomes=(SUCCEEDED, WARNED), limit=RUNS_COMPARED)
        if run.slow_start or not job.slow_start_command
    ]
    last = runs[0] if runs and runs[0].slow_start and runs[0].started_at >= (health.since or "") else None
    earlier = runs[1:] if last is not None else runs
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
