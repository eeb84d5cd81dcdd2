"""The jobs that a command is about to change: selected by its words, shown and confirmed when they are several."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from process_control.actions.rights import Actor, become_actor, who
from process_control.cli.print.output import print_json, talk
from process_control.cli.session import Session
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import one_line
from process_control.core.job import Job
from process_control.views.selected_jobs import select_jobs

#: How many jobs are named; of more, the number is shown.
MAX_NAMED = 8
NOT_CONFIRMED = 1


def become_whoever_may(session: Session, verb: str) -> Actor:
    """Note who asks, become the service user. Raises NotPermitted (77), CannotRecord (74), BadConfiguration (78)."""
    by = who(dict(os.environb))
    return become_actor(session.load(), by=by, command=f"process-control {verb}")


def choose_and_agree(
    what: str, settings: Settings, words: Sequence[str], *, yes: bool, dry_run: bool, as_json: bool
) -> list[Job | InvalidJob]:
    """Return the jobs that the words name, when they are to be changed; [] when it was a dry run. See `agree`.

    Raises JobNotFound (66).
    """
    chosen = select_jobs(settings, words)
    slugs = [job.slug for job in chosen]
    if dry_run and as_json:
        print_dry_run(what, slugs)
        return []
    return chosen if agree(what, slugs, yes=yes, dry_run=dry_run) else []


def agree(what: str, slugs: Sequence[str], *, yes: bool, dry_run: bool) -> bool:
    """Show what will be changed, when it is more than one job; ask on a terminal. Return False in a dry run.

    Ends the verb when the answer is no (exit code 1).
    """
    if dry_run:
        talk(f"dry run: would {what} {_listed(slugs)}")
        return False
    if len(slugs) > 1:
        talk(f"{what} {_listed(slugs)}")
        if not yes and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            _ask(f"{what} these {len(slugs):,} jobs?")
    return True


def _ask(question: str) -> None:
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        talk("\nnothing was changed")
        raise
    if not agreed:
        talk("nothing was changed")
        raise click.exceptions.Exit(NOT_CONFIRMED)


def print_dry_run(what: str, slugs: Sequence[str]) -> int:
    """Print, as JSON, which jobs would be changed; return exit code 0."""
    print_json({"jobs": [{"job": slug, "done": f"would {what}", "changed": False} for slug in slugs]})
    return 0


def _listed(slugs: Sequence[str]) -> str:
    if len(slugs) == 1:
        return slugs[0]
    more = f" and {len(slugs) - MAX_NAMED:,} more" if len(slugs) > MAX_NAMED + 1 else ""
    return f"{len(slugs):,} jobs: {', '.join(slugs[:MAX_NAMED] if more else slugs)}{more}"


def _note(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return None if value is None else one_line(value)


def changes_jobs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the argument JOB… and the options of every verb that changes jobs."""
    for decorate in reversed(
        (
            click.argument("jobs", nargs=-1, required=True, metavar="JOB..."),
            click.option("--note", metavar="TEXT", callback=_note, help="Why: recorded in the audit log."),
            click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation, even for several jobs."),
            click.option("--dry-run", is_flag=True, help="Only show which jobs would be changed."),
            click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON."),
        )
    ):
        function = decorate(function)
    return function
