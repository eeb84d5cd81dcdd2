"""`history`: what ran, newest first."""

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from process_control.cli.history_index import open_index, report_garbled
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, inert, is_terminal, print_header, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_past import runs_in_fleet
from process_control.core.facts import FAILED, LOST, OUTCOMES
from process_control.core.records import FIELDS
from process_control.errors import UsageError
from process_control.history.index.past_run import Run
from process_control.views.selected_jobs import select_slugs
from process_control.views.time_words import SINCE_HELP, moment_of_flag

DEFAULT_LIMIT = 50
COLUMNS = tuple([name for _, name in sorted((field.csv, field.name) for field in FIELDS if field.csv is not None)])


@verb(
    "history",
    epilog=f"{JOBS_HELP} In a pipe, separated by tabs, below a line of their names: {', '.join(COLUMNS)}.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--since", metavar="TIME", help=SINCE_HELP)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice([*OUTCOMES, "running"]),
    help="Only these; may be given several times.",
)
@click.option("--failed", is_flag=True, help="Only runs that failed or were lost.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Default {DEFAULT_LIMIT}, with --since all; 0: all",
)
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "runs": [...]}')
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with a header.")
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@click.option("--fleet", "in_fleet", is_flag=True, help="Of all hosts of the fleet.")
@paged
@looks_at_hosts(jobs="jobs", tables={"history": COLUMNS})
def history(
    session: Session,
    jobs: Sequence[str],
    since: str | None,
    outcomes: Sequence[str],
    failed: bool,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
    no_header: bool,
    in_fleet: bool,
) -> None:
    """Show runs: when, how long, the outcome and why. Newest first.

    \f
    With --fleet the runs that the server knows: without --since the last 20 of each lock, with it all since then, as
    long as the namespace keeps them. What only their hosts know of them (CPU, memory, bytes) is empty.
    """
    if as_json and as_csv:
        raise UsageError("--json or --csv, not both", hint="process-control history --help")
    now = datetime.now(UTC)
    earliest = None if since is None else moment_of_flag("--since", since, now)
    most = (DEFAULT_LIMIT if since is None else None) if limit is None else limit or None
    wanted = [*outcomes, *((FAILED, LOST) if failed else ())] or None
    is_filtered = bool(jobs or since or outcomes or failed)
    if in_fleet:
        moment = None if earliest is None else datetime.fromisoformat(earliest).timestamp()
        known = runs_in_fleet(session, jobs, since=moment)
        runs = [run for run in known if wanted is None or (run.outcome or "running") in wanted]
        has_more, runs = most is not None and len(runs) > most, runs[:most]
        if not (as_json or as_csv or is_terminal()):
            print_header(COLUMNS, wanted=not no_header)
        _print(runs, now, as_json=as_json, as_csv=as_csv, has_more=has_more, is_filtered=is_filtered)
        return
    settings = session.settings("history")
    with open_index(settings.state_directory) as index:
        slugs = select_slugs(settings, jobs, index)
        runs = index.runs(
            jobs=slugs,
            since=earliest,
            outcomes=wanted,
            limit=None if most is None else most + 1,
        )
        garbled = index.garbled()
    has_more = most is not None and len(runs) > most
    runs = runs[:most] if most is not None else runs
    if not (as_json or as_csv or is_terminal()):
        print_header(COLUMNS, wanted=not no_header)
    _print(runs, now, as_json=as_json, as_csv=as_csv, has_more=has_more, is_filtered=is_filtered)
    if has_more and limit is None and is_terminal():
        talk(f"showing the newest {most} runs (--limit 0: all; --since 7d: the last week)")
    report_garbled(settings, garbled)


def _print(
    runs: Sequence[Run], now: datetime, *, as_json: bool, as_csv: bool, has_more: bool, is_filtered: bool
) -> None:
    if as_json:
        print_json({"runs": [run.to_json() for run in runs], "has_more": has_more})
    elif as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([inert(value) for value in _values(run)] for run in runs)
    elif is_terminal():
        from process_control.cli.verbs.history_screen import show_runs

        show_runs(runs, now, is_filtered=is_filtered)
    else:
        for run in runs:
            print_tabbed(_values(run))


def _values(run: Run) -> list[Any]:
    values = {**run.to_json(), "outcome": run.outcome or "running", "attempts": len(run.attempts) or None}
    return [values[column] for column in COLUMNS]
