"""`doctor`: is everything right that jobs depend on? Each finding with the command that puts it right."""

import click

from process_control.actions.doctor import findings_of, has_findings, look_at_everything
from process_control.actions.repair import repair_all
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.errors import UsageError
from process_control.views.doctor.finding import OK, Finding

COLUMNS = ("check", "state", "what", "remedy")


@verb(
    "doctor",
    epilog=(
        "Exit code 0: all is well; 1: there are findings. In a pipe, separated by tabs: check, state (ok, warn, bad), "
        "what, remedy."
    ),
)
@click.option("--fix", is_flag=True, help="Make directories, set modes, rebuild unreadable healths.")
@click.option("--dry-run", is_flag=True, help="With --fix: only show what it would do.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "findings": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
@looks_at_hosts(tables={"doctor": COLUMNS})
def doctor(session: Session, fix: bool, dry_run: bool, as_json: bool, no_header: bool) -> int:
    """Check everything that jobs depend on; each finding comes with its remedy.

    Configuration, rights, job files and what they need, cron, crontab and time zone, mail, channels, disks, clock,
    survivors of runs, healths, control groups, the index.
    \f

    --fix makes missing directories, takes rights away from others, builds an unreadable health again from the journal
    and removes control groups that nobody holds. It never touches job files, crontabs or processes: for these it shows
    the command. As root it looks as the account that jobs run as; what only root can see is left out without root,
    and it says so. Mail servers are greeted, hosts of channels are connected with; no message is
    sent.
    """
    if dry_run and not fix:
        raise UsageError("--dry-run shows what --fix would do", hint="process-control doctor --fix --dry-run")
    look, findings = look_at_everything(session.load, makes_directories=fix and not dry_run)
    done: list[str] = []
    if look is not None:
        of_checks = findings_of(look)
        if fix:
            done = repair_all(of_checks, look, dry_run=dry_run)
            of_checks = of_checks if dry_run else findings_of(look)
        findings += of_checks
    if as_json:
        print_json({"findings": [each.to_json() for each in findings], **({"done": done} if fix else {})})
    elif is_terminal():
        _show(findings, done)
    else:
        print_header(COLUMNS, wanted=not no_header)
        for each in findings:
            print_tabbed([each.check, each.state, each.what, each.remedy])
        for line in done:
            print_tabbed(["fix", "done", line, None])
    return 1 if has_findings(findings) else 0


def _show(findings: list[Finding], done: list[str]) -> None:
    from process_control.cli.verbs.doctor_screen import show_findings

    show_findings(findings, done)
    if not has_findings(findings):
        print_line(f"all is well: {sum(each.state == OK for each in findings)} checks")
