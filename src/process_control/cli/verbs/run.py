"""`run`: start jobs now and print the ids of their runs."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import time as now
from typing import NoReturn

import click

from process_control.actions.start import How, command_of
from process_control.cli.chosen import agree, changes_jobs, print_dry_run
from process_control.cli.history_index import open_index
from process_control.cli.print.output import talk
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_by_hand import run_in_fleet
from process_control.cli.verbs.run_screen import print_started
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.core.job import Job, is_slug
from process_control.errors import JobNotFound, UsageError
from process_control.scheduler.starts_by_hand import start
from process_control.system.account import check_allowed
from process_control.system.as_account import ask_as
from process_control.views.selected_jobs import select_jobs
from process_control.views.slot_words import NamedTime, account_named, named_time
from process_control.views.slots import Ledger


@verb(
    "run",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, run id, why it was not started. Exit code 0: all were "
        "started; 1: one of several was not; for one job, and with --follow: that of run-job (75: running, on hold)."
    ),
)
@changes_jobs
@click.option(
    "--follow", "-f", is_flag=True, help="Wait for the run, show its output, exit with its exit code; one job only."
)
@click.option("--show", "shown", flag_value="--show", help="With --follow: show the output (the default).")
@click.option("--quiet", "shown", flag_value="--quiet", help="With --follow: show only the report of a failed run.")
@click.option("--slow-start", is_flag=True, help="Run slow_start_command in place of command.")
@click.option("--force", is_flag=True, help="Even if on hold, in slow start, or run well for --slot.")
@click.option("--slot", metavar="TIME", help="For this past slot, unless it ran well: 2026-11-28T03:00.")
@click.option("--fleet", "in_fleet", is_flag=True, help="On a host of the fleet, as `run_on` says.")
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
    slot: str | None,
    in_fleet: bool,
) -> int:
    """Start jobs now and return at once, with the ids of their runs. They continue when this terminal is closed.

    \f
    While a scheduler runs, its launcher starts them, so that they are runs of the service like those that are planned.
    All that is shown and recorded is the same. A run by hand does not wait for its turn behind planned ones: it is
    refused where something runs at once already, unless the job queues. With --follow, in a sub-job, and for a job with
    `inherit_environment`, this command starts the run itself.
    """
    if shown and not follow:
        raise UsageError(f"{shown} goes with --follow", hint="process-control run --help")
    if in_fleet:
        if follow or slow_start or slot is not None:
            raise UsageError("--follow, --slow-start and --slot do not go with --fleet")
        return run_in_fleet(session, jobs, note=note, yes=yes, dry_run=dry_run, as_json=as_json, force=force)
    settings = session.load()
    account = check_allowed(settings.user, words="process-control run", where=settings.path or "")
    slugs, of_caller = ask_as(account, lambda: _selected(settings, jobs))
    slugs = [slug for slug in slugs if isinstance(slug, str) and is_slug(slug)]
    slots: dict[str, int] = {}
    if slot is not None:
        time = named_time("--slot", slot, datetime.now(UTC))
        named = ask_as(account, lambda: _slots_named(settings, slugs, time))
        slots = {slug: int(moment) for slug, moment in named.items()}
        slugs = [slug for slug in slugs if slug in slots]
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
        _become_run_job(slugs[0], [*replace(how, slot=slots.get(slugs[0])).flags(), shown or "--show"])
    started = []
    for each in sorted({slots.get(slug) for slug in slugs}, key=str):
        some = [slug for slug in slugs if slots.get(slug) == each]
        started += start(settings, some, account, replace(how, slot=each), of_caller=of_caller)
    return print_started(started, as_json=as_json)


def _selected(settings: Settings, words: Sequence[str]) -> list[list[str]]:
    """Return the slugs that the words name, and those of them whose jobs take variables of the caller."""
    jobs = select_jobs(settings, words)
    return [
        [job.slug for job in jobs],
        [job.slug for job in jobs if isinstance(job, Job) and job.inherit_environment],
    ]


def _slots_named(settings: Settings, slugs: Sequence[str], time: NamedTime) -> dict[str, int]:
    """Return the planned time of each job that was planned for it. Raises JobNotFound (66) when none was."""
    found, error = {}, None
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, load_all(settings), index, now=now())
        for slug in slugs:
            try:
                found[slug] = account_named(ledger, slug, time).slot.slot
            except JobNotFound as no_slot:
                error = no_slot
                if len(slugs) > 1:
                    talk(f"not run: {no_slot.faults[0].what}")
    if not found and error is not None:
        raise error
    return found


def _become_run_job(slug: str, flags: Sequence[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, command_of(slug, flags))
