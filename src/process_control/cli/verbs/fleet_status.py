"""`fleet status`: how the jobs of the fleet stand."""

import time
from datetime import UTC, datetime

import click

from process_control.cli.print.output import print_json
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.core.fleet.job_status import FleetJobStatus, statuses_of
from process_control.fleet.library import require_the_library

COLUMNS = ("job", "state", "host", "next", "last", "result", "why", "running_on")


@verb("status", epilog=f"In a pipe, separated by tabs, below a line of their names: {', '.join(COLUMNS)}.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "jobs": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
def status(session: Session, *, as_json: bool, no_header: bool) -> None:
    """Show all jobs of the fleet: their state, their next planned time, and how the last one went, on which host.

    \f
    HOST is that of the last run. A run in flight has its host beside its state; until a host has taken it, there is
    none.
    """
    require_the_library()
    from process_control.fleet.look import all_locks

    look = all_locks(session.settings("fleet status"))
    found = statuses_of(look.locks, time.time(), look.hosts)
    if as_json:
        print_json({"jobs": [each.to_json() for each in found]})
    elif is_terminal():
        from process_control.cli.verbs.fleet_screen import show_statuses

        show_statuses(found, datetime.now(UTC))
    else:
        print_header(COLUMNS, wanted=not no_header)
        for each in found:
            print_tabbed(_values(each))


def _values(each: FleetJobStatus) -> list[object]:
    values = each.to_json()
    return [values[column] for column in COLUMNS]
