"""`fleet doctor`: is everything there that the fleet depends on? Each finding with the line that puts it right."""

import click

from process_control.actions.doctor import has_findings
from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.errors import FINE, NO
from process_control.fleet.library import require_the_library
from process_control.views.doctor.finding import OK

COLUMNS = ("check", "state", "what", "remedy")


@verb(
    "doctor",
    epilog=(
        "Exit code 0: all is well; 1: there are findings. In a pipe, separated by tabs: check, state (ok, warn, bad), "
        "what, remedy."
    ),
)
@click.option("--fix", is_flag=True, help="Register the search attribute where it is missing.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "findings": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
def doctor(session: Session, *, fix: bool, as_json: bool, no_header: bool) -> int:
    """Check what the fleet depends on; each finding comes with its remedy.

    Server, permission, namespace and its retention, search attribute, control processes, workers, queues without a
    worker, drift of job files, clocks, versions.
    """
    require_the_library()
    from process_control.fleet.doctor import findings_of

    findings, done = findings_of(session.settings("fleet doctor"), fix=fix)
    if as_json:
        print_json({"findings": [each.to_json() for each in findings], **({"done": done} if fix else {})})
    elif is_terminal():
        from process_control.cli.verbs.doctor_screen import show_findings

        show_findings(findings, done)
        if not has_findings(findings):
            print_line(f"all is well: {sum(each.state == OK for each in findings)} checks")
    else:
        print_header(COLUMNS, wanted=not no_header)
        for each in findings:
            print_tabbed([each.check, each.state, each.what, each.remedy])
        for line in done:
            print_tabbed(["fix", "done", line, None])
    return NO if has_findings(findings) else FINE
