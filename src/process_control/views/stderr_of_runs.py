"""The stderr lines of a job's past runs, from their logs: bounded, and with secrets masked."""

from collections.abc import Sequence

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.noise import new_lines
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_line import STDERR
from process_control.history.log_reader import current_path, last_lines
from process_control.state.secrets_of_run import SecretsUnknown, secrets_of_run
from process_control.views.job_status import JobStatus

MAX_LINES = 1000
#: How many runs are searched for a good one.
MAX_PAST_RUNS = 100
GOOD_OUTCOMES = ("succeeded", "warned", "failed")


def stderr_lines(run: Run, job: Job | None, state_directory: str) -> list[str]:
    """Return the last lines that the run wrote to stderr; none when its log is gone, or cannot be masked."""
    if not run.log or not run.stderr_bytes:
        return []
    try:
        secrets, _ = secrets_of_run(state_directory, run_id=run.run_id, began=run.started_at, job=job)
        found = last_lines(run.log, MAX_LINES, streams=[STDERR], secrets=secrets)
    except (OSError, SecretsUnknown):
        return []
    return [line.shown.decode("utf-8", "replace") for line in found if line.ends]


def is_good(run: Run) -> bool:
    """Return whether the command itself succeeded: it exited with 0 by itself, whatever its output was."""
    return run.exit_code == 0 and run.outcome in GOOD_OUTCOMES and run.reason in (None, "stderr", "leftovers")


def past_runs(index: Index, slug: str, count: int) -> tuple[list[Run], list[Run]]:
    """Return the good and the failed ones of the last `count` runs that ended, newest first."""
    runs = index.runs(jobs=[slug], outcomes=(*GOOD_OUTCOMES, "lost"), limit=count)
    return [run for run in runs if is_good(run)], [run for run in runs if not is_good(run)]


def last_good_before(runs: Sequence[Run], run: Run) -> Run | None:
    """Return the newest good run that began before `run`; `runs` are newest first."""
    return next((other for other in runs if is_good(other) and other.started_at < run.started_at), None)


def news_on_stderr(status: JobStatus, index: Index, settings: Settings) -> set[str]:
    """Return the lines on stderr of the last run that the last good run before it did not have."""
    run = status.running or status.last
    if run is None or not run.log:
        return set()
    good = last_good_before(index.runs(jobs=[status.slug], limit=MAX_PAST_RUNS), run)
    if good is None:
        return set()
    good.log = good.log and current_path(good.log, settings.output_directory)
    state, job = settings.state_directory, status.definition
    return new_lines(stderr_lines(run, job, state), stderr_lines(good, job, state))
