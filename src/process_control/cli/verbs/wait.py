"""`wait`: await the runs of jobs."""

from collections.abc import Sequence

import click

from process_control.actions import wait as action
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.keys.number_kinds import seconds_of
from process_control.core.why import outcome_of_record
from process_control.errors import UsageError
from process_control.views.selected_jobs import select_with_ad_hoc


@verb(
    "wait",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, run id, outcome and why. Exit code 0: all have ended, with "
        "any outcome; 1: --timeout expired first."
    ),
)
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@click.option("--timeout", metavar="TIME", help="Wait at most this long: 90s, 10m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
def wait(session: Session, jobs: Sequence[str], timeout: str | None, as_json: bool) -> int:
    """Wait until the current runs of jobs have ended, and show how; of a job that is not running, its last run."""
    seconds = None if timeout is None else seconds_of(timeout)
    if timeout is not None and seconds is None:
        raise UsageError(f"--timeout {timeout}: not a time", hint="90s, 10m, 2h, 1d")
    settings = session.settings("wait")
    slugs = [job.slug for job in select_with_ad_hoc(settings, jobs)]
    awaited = action.wait(settings, slugs, named=jobs, seconds=seconds)
    _print_awaited(awaited, as_json=as_json)
    return 1 if any(each.is_running for each in awaited) else 0


def _print_awaited(awaited: Sequence[action.Awaited], *, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [each.to_json() for each in awaited]})
        return
    for each in awaited:
        words = outcome_of_record(each.end) if each.end.get("outcome") else "still running"
        if is_terminal():
            talk(f"{each.slug}: {words} (run {each.run_id})")
        else:
            print_tabbed([each.slug, each.run_id, words])
    if not awaited and is_terminal():
        talk("nothing is running")
