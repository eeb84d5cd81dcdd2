"""`fleet hosts`: the processes of the fleet, and how each host is: version, commit, clock, job files."""

import time

import click

from process_control.cli.print.output import print_json
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.core.fleet.drift import drift_in_words
from process_control.fleet.library import require_the_library

COLUMNS = ("host", "kind", "pid", "last_seen", "answers", "version", "commit", "dirty", "clock_ahead_seconds", "drift")


@verb("hosts", epilog=f"In a pipe, separated by tabs, below a line of their names: {', '.join(COLUMNS)}.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "hosts": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
def hosts(session: Session, *, as_json: bool, no_header: bool) -> None:
    """Show the workers and control processes of the last minutes, and how each worker's host is.

    \f
    Each worker is asked, through its own queue: its version, the commit of its job directory (`*`: files there differ
    from it), its clock against the server's, and which job files are not those that were applied (drift): the host
    refuses to run these. A host that does not answer within five seconds is shown as such; the server forgets it after
    five minutes.
    """
    require_the_library()
    from process_control.fleet.fleet_hosts import hosts as look

    found = look(session.settings("fleet hosts"))
    if as_json:
        print_json({"hosts": [each.to_json() for each in found]})
    elif is_terminal():
        from process_control.cli.verbs.fleet_screen import show_hosts

        show_hosts(found, time.time())
    else:
        print_header(COLUMNS, wanted=not no_header)
        for each in found:
            values = {**each.to_json(), "drift": drift_in_words(each.drift, len(each.drift)) or None}
            print_tabbed([_plain(values[column]) for column in COLUMNS])


def _plain(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
