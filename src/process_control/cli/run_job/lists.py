"""`run-job --list-jobs` and `run-job --status`: what is there, what runs, what each job did last."""

import sys
from collections.abc import Sequence

from process_control.cli.print.output import print_line
from process_control.cli.print.plain import clean, print_tabbed
from process_control.cli.run_job.options import Options
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.views.job_list import Listed, last_of, listed, warnings_of


def list_jobs(settings: Settings, word: str | None, *, as_json: bool) -> int:
    """List all jobs, or those that the word names; one bad file never hides the others; exit 0."""
    jobs = _named(settings, word)
    if as_json:
        return _print_as_json(settings, jobs, only_running=False)
    rows = [listed(settings, job) for job in jobs]
    if sys.stdout.isatty():
        _print_job_table(rows)
    else:
        for row in rows:
            print_line(_as_line(row))
    return 0


def _named(settings: Settings, word: str | None) -> list[Job | InvalidJob]:
    """Return all jobs, or those that the word names: a slug, a glob, tag:NAME. Raises JobNotFound (66)."""
    if word is None:
        return load_all(settings)
    from process_control.views.selected_jobs import select_jobs

    return select_jobs(settings, [word])


def _as_line(row: Listed) -> str:
    name = row.job.name if isinstance(row.job, Job) else f"invalid: {row.fault}"
    state = f"\t{{pid: {row.running['pid']}, status: running}}" if row.running else ""
    return f"{clean(row.job.slug)} - {clean(name)}{state}"


def _print_job_table(rows: list[Listed]) -> None:
    from process_control.cli.run_job.tables import print_jobs_table

    print_jobs_table([(row, warnings_of(row.job)) for row in rows])


def show_status(settings: Settings, options: Options) -> int:
    """Show what each job (or those named) did last. Raises JobNotFound (66)."""
    jobs = _named(settings, options.job)
    if options.json:
        return _print_as_json(settings, jobs, only_running=options.only_running)
    rows = [(job.slug, *last_of(settings, job)) for job in jobs]
    if options.only_running:
        rows = [row for row in rows if row[1] == "running"]
    if sys.stdout.isatty():
        from process_control.cli.run_job.tables import print_status_table

        print_status_table(rows)
    else:
        for slug, state, words in rows:
            print_tabbed([slug, state, words])
    return 0


def _print_as_json(settings: Settings, jobs: Sequence[Job | InvalidJob], *, only_running: bool) -> int:
    """Print the jobs as `process-control list --json` does."""
    from datetime import UTC, datetime

    from process_control.cli.history_index import open_index
    from process_control.cli.verbs.status_here import print_jobs
    from process_control.config.cache.next_slots import KnownSchedules
    from process_control.views.status import read_statuses

    with open_index(settings.state_directory) as index:
        statuses = read_statuses(settings, jobs, index)
    schedules = KnownSchedules(settings, datetime.now(UTC))
    print_jobs([status for status in statuses if status.running is not None or not only_running], schedules)
    return 0
