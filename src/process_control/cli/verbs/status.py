"""`status`: how the jobs stand, worst first."""

from collections.abc import Sequence

import click

from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_line
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.errors import UsageError

COLUMNS = (
    *("job", "state", "next", "outcome", "reason", "started_at", "duration_seconds"),
    *("median_seconds", "recent", "why"),
)


@verb(
    "status",
    epilog=(
        f"{JOBS_HELP} One job on a terminal is shown at length, with the last lines of its output. In a pipe, "
        "separated by tabs, below a line of their names: job, state, next planned time, outcome, reason, start and "
        "duration (seconds) of the last run, the median, the outcomes of the last 20 runs (. succeeded, w warned, "
        "F failed, L lost, - skipped, > running), why, what else needs a look, and until when it is silenced."
    ),
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--all", "show_all", is_flag=True, help="All jobs, not just one screen of them.")
@click.option("--failed", is_flag=True, help="Only failing jobs and invalid files.")
@click.option(
    "--watch",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value="2",
    help="Draw the screen again every 2 seconds; q ends it.",
)
@click.option("--heading", default="", hidden=True)
@click.option("--legend", is_flag=True, help="Explain the marks and states.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "jobs": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
@looks_at_hosts(jobs="jobs", tables={"status": COLUMNS})
def status(
    session: Session,
    jobs: Sequence[str],
    show_all: bool,
    failed: bool,
    watch: str | None,
    heading: str,
    legend: bool,
    as_json: bool,
    no_header: bool,
) -> None:
    """Show the state of jobs, worst first."""
    if legend:
        from process_control.cli.verbs.legend import legend_text

        print_line(legend_text())
        return
    if watch is not None:
        from process_control.cli.verbs.status_watch import watch_jobs

        if as_json:
            raise UsageError("--watch or --json, not both", hint="process-control status --json")
        watch_jobs(session, jobs, interval=watch, failed=failed, heading=heading)
        return
    # Not above: with --host nothing of this host is read.
    from process_control.cli.verbs.status_here import show_here

    columns = () if no_header else COLUMNS
    show_here(session, jobs, show_all=show_all, failed=failed, heading=heading, as_json=as_json, columns=columns)
