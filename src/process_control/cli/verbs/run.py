"""`run`: start jobs now and print the ids of their runs."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from process_control.actions.start import How, Started, command_of, start
from process_control.cli.chosen import agree, changes_jobs, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.core.job import is_slug
from process_control.errors import UsageError
from process_control.system.account import check_allowed
from process_control.system.as_account import ask_as
from process_control.views.selected_jobs import select_jobs


@verb(
    "run",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, run id, why it was not started. Exit code 0: all were "
        "started. For one job that was not: the exit code of run-job (75: running already, or on hold); for several: "
        "1. With --follow: that of run-job."
    ),
)
@changes_jobs
@click.option(
    "--follow", "-f", is_flag=True, help="Wait for the run, show its output, exit with its exit code; one job only."
)
@click.option("--show", "shown", flag_value="--show", help="With --follow: show the output (the default).")
@click.option("--quiet", "shown", flag_value="--quiet", help="With --follow: show only the report of a failed run.")
@click.option("--slow-start", is_flag=True, help="Run slow_start_command in place of command.")
@click.option(
    "--force", is_flag=True, help="Run even if a job is on hold; use the full command even during slow start."
)
def run(
    session: Session,
    jobs: Sequence[str],
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    follow: bool,
    shown: str | None,
    slow_start: bool,
    force: bool,
) -> int:
    """Start jobs now and return at once, with the ids of their runs. They continue when this terminal is closed."""
    if shown and not follow:
        raise UsageError(f"{shown} goes with --follow", hint="process-control run --help")
    settings = session.load()
    account = check_allowed(settings.user, words="process-control run", where=settings.path or "")
    slugs = ask_as(account, lambda: [job.slug for job in select_jobs(settings, jobs)])
    slugs = [slug for slug in slugs if isinstance(slug, str) and is_slug(slug)]
    if follow and len(slugs) > 1:
        raise UsageError(
            f"--follow takes one job, not {len(slugs)}", hint="leave it out; then: process-control wait JOB..."
        )
    if dry_run and as_json:
        return print_dry_run("run", slugs)
    if not agree("run", slugs, yes=yes, dry_run=dry_run):
        return 0
    how = How(slow_start=slow_start, force=force, note=note, config=session.config)
    if follow:  # who stays wants to see it, in a pipe too
        session.paths.forget()  # a run keeps its own limits
        _become_run_job(slugs[0], [*how.flags(), shown or "--show"])
    started = start(settings, slugs, account, how)
    _print_started(started, as_json=as_json)
    refused = [each for each in started if each.exit_code is not None]
    if not refused:
        return 0
    return refused[0].exit_code or 1 if len(started) == 1 else 1


def _become_run_job(slug: str, flags: Sequence[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, command_of(slug, flags))


def _print_started(started: Sequence[Started], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in started], "started": [_as_before(each) for each in started]})
        return
    for each in started:
        if not is_terminal():
            print_tabbed([each.slug, each.run_id, each.why])
        elif each.run_id is not None:
            print_tabbed([f"{each.slug}: run {each.run_id}"])
        if each.why and is_terminal():
            talk(each.why)


def _as_before(started: Started) -> dict[str, object]:
    """Return the shape that `started` had; both are there until 1.0."""
    return {"job": started.slug, "run_id": started.run_id, "why": started.why, "exit_code": started.exit_code}
