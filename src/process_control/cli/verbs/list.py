"""`list`: what jobs there are."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.cli.print.output import talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.status_here import fault_on_one_line, print_jobs, read
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.unread_files import in_one_line, unread_files
from process_control.crontab.in_charge import in_charge
from process_control.views.selected_jobs import select_jobs


@verb(
    "list",
    epilog=f"{JOBS_HELP} In a pipe: slug, name, state, schedule in words, tags, its fault or until when it is "
    "silenced; separated by tabs.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--json", "as_json", is_flag=True, help="The jobs as in `status --json`.")
@paged
def list_jobs(session: Session, jobs: Sequence[str], as_json: bool) -> None:
    """List all jobs; invalid files with their fault."""
    settings = session.settings("list")
    schedules = KnownSchedules(settings, datetime.now(UTC))
    statuses, _ = read(settings, select_jobs(settings, jobs), schedules)
    statuses.sort(key=lambda status: status.slug)
    if as_json:
        print_jobs(statuses, schedules, charge=in_charge(settings))
    elif is_terminal():
        from process_control.cli.verbs.jobs_screen import show_list

        show_list(statuses, schedules)
    else:
        for status in statuses:
            words = schedules.words(status.definition) if status.definition else None
            tags = ",".join(status.definition.tags) if status.definition else None
            silenced = f"silenced until {status.silenced_until}" if status.silenced_until is not None else None
            last = fault_on_one_line(status) if status.state == "invalid" else silenced
            print_tabbed([status.slug, status.name, status.state, words, tags, last])
    schedules.keep()
    unread = [] if jobs else unread_files(settings)
    if unread:
        talk(f"{settings.job_directory}: {in_one_line(unread)}")
