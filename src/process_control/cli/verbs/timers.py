"""`timers`: when each job runs next, soonest first, as `systemctl list-timers` has it; then those that will not run."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.cli.history_index import open_index
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.cache.next_slots import KnownSchedules
from process_control.crontab.in_charge import in_charge
from process_control.views.in_charge import lag_in_words, lag_of_the_scheduler
from process_control.views.selected_jobs import select_jobs
from process_control.views.status import read_statuses
from process_control.views.timers import Timer, timers_of

COLUMNS = ("next", "left_seconds", "last", "result", "job", "why")


@verb(
    "timers",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs, below a line of their names: {', '.join(COLUMNS)}. "
        "Jobs that will not run by themselves (held, disabled, invalid, without a schedule) come last."
    ),
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "timers": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
@looks_at_hosts(jobs="jobs", tables={"timers": COLUMNS})
def timers(session: Session, jobs: Sequence[str], as_json: bool, no_header: bool) -> None:
    """Show when each job runs next, soonest first, and how its last run ended."""
    now = datetime.now(UTC)
    settings = session.settings("timers")
    schedules = KnownSchedules(settings, now)
    chosen = select_jobs(settings, jobs)
    with open_index(settings.state_directory) as index:
        found = timers_of(read_statuses(settings, chosen, index, schedules), schedules)
    schedules.keep()
    if as_json:
        print_json({"timers": [timer.to_json() for timer in found]})
    elif is_terminal():
        from process_control.cli.verbs.timers_screen import show_timers

        lag = lag_of_the_scheduler(settings.state_directory, in_charge(settings))
        if lag is not None:
            talk(f"the scheduler starts the jobs: {lag_in_words(lag)}")
        show_timers(found, now)
    else:
        print_header(COLUMNS, wanted=not no_header)
        for timer in found:
            print_tabbed(_values(timer))


def _values(timer: Timer) -> list[object]:
    values = timer.to_json()
    return [values.get(column) for column in COLUMNS]
