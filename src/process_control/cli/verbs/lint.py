"""`lint`: what is wrong with job files, reported all at once before a run fails for it, and what is to be expected."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.actions.fix_job_file import Repairs
from process_control.actions.rights import directory_of_run_job
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.session import Session, verb
from process_control.cli.verbs.lint_screen import show_findings, show_repairs
from process_control.config.settings import Settings
from process_control.crontab.left_out import left_out
from process_control.errors import FINE, NO, NotPermitted
from process_control.system.account import drop_rights, service_account
from process_control.views.lint.all_files import lint_files
from process_control.views.lint.finding import WARNINGS
from process_control.views.lint.job_file import Surroundings


@verb(
    "lint",
    epilog=f"Exit code 0: nothing found; 1: there are findings. Kinds of warnings: {', '.join(WARNINGS)}.",
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--fix", is_flag=True, help="Repair tabs, unquoted schedules, allow_overtime, byte-order marks.")
@click.option("--dry-run", is_flag=True, help="With --fix: only show the changes, and what they leave.")
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    type=click.Choice(WARNINGS),
    metavar="KIND",
    help="Leave out this kind of warning.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@paged
def lint(session: Session, files: Sequence[str], fix: bool, dry_run: bool, ignored: Sequence[str], form: str) -> int:
    """Find faults in FILEs or jobs, by default in all jobs.

    Faults keep a job from loading or running here. Warnings: clock changes, days that mean "or", overlaps and
    timeouts by real durations, many jobs in one minute, misspelled tags, jobs that no crontab can have.
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix")
    settings = _settings(session, fix=fix, needed=not files)
    repairs = Repairs(dry_run=dry_run)
    around = Surroundings(
        settings=settings,
        now=datetime.now(UTC),
        paths=session.paths,
        own_commands=directory_of_run_job(),
        left_out=lambda jobs: [] if settings is None else left_out(settings, jobs, ()),
    )
    found = lint_files(files, around, repairs.repair if fix else None)
    findings = sorted((each for each in found if each.kind not in ignored), key=lambda finding: finding.place)
    if form == "json":
        fixes = {"fixes": [each.to_json() for each in repairs.done]} if fix else {}
        print_json({"findings": [finding.to_json() for finding in findings], **fixes})
    else:
        show_repairs(repairs.done)
        show_findings(findings)
    return NO if findings else FINE


def _settings(session: Session, *, fix: bool, needed: bool) -> Settings | None:
    """Return the settings; None when they are not for us and only files were named.

    As root, become the service user, who has to read the files: but not to repair them: they need not be its own.
    """
    try:
        settings = session.load()
    except NotPermitted:
        if needed:
            raise
        return None
    if settings.user is not None and not fix and os.geteuid() == 0:
        drop_rights(service_account(settings.user, where=settings.path or ""))
    return settings
