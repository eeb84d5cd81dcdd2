"""`slots`: every planned time and what became of it."""

import csv
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.time_words import SINCE_HELP, moment_of_flag
from process_control.config.all_jobs import load_all
from process_control.core.schedule.slots import FATES
from process_control.errors import UsageError
from process_control.views.slots import Account, Ledger

COLUMNS = ("slot", "job", "fate", "reason", "cause", "outcome", "late_seconds", "run_id", "evidence")
COUNT_COLUMNS = ("job", "planned", *FATES)


@verb("slots", epilog=JOBS_HELP)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--since", metavar="TIME", default="7d", show_default=True, help=SINCE_HELP)
@click.option("--until", metavar="TIME", help="As --since; now without it.")
@click.option("--fate", "fates", metavar="FATE,...", help=f"Only these: {', '.join(FATES)}.")
@click.option("--count", "only_count", is_flag=True, help="How many of each fate: planned is their sum.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "slots": [...]}')
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with a header.")
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
def slots(
    session: Session,
    jobs: Sequence[str],
    since: str,
    until: str | None,
    fates: str | None,
    only_count: bool,
    as_json: bool,
    as_csv: bool,
    no_header: bool,
) -> None:
    """Show every planned time (slot) and its fate: ran, skipped, missed or due."""
    if as_json and as_csv:
        raise UsageError("--json or --csv, not both", hint="process-control slots --help")
    wanted = _fates(fates)
    now = datetime.now(UTC)
    after = _seconds(moment_of_flag("--since", since, now)) - 1
    end = now.timestamp() if until is None else _seconds(moment_of_flag("--until", until, now))
    settings = session.settings("slots")
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, load_all(settings), index, now=time.time())
        slugs = ledger.known_jobs if not jobs else [slug for slug in ledger.known_jobs if slug in jobs]
        if only_count:
            _print_counts(ledger.counts(slugs, after=after, until=end), as_json=as_json, as_csv=as_csv)
            return
        accounts = [each for each in ledger.accounts(slugs, after=after, until=end) if each.slot.fate in wanted]
    _print(accounts, as_json=as_json, as_csv=as_csv, header=not no_header)


def _fates(text: str | None) -> Sequence[str]:
    if text is None:
        return FATES
    fates = [fate.strip() for fate in text.split(",")]
    for fate in fates:
        if fate not in FATES:
            raise UsageError(f"--fate {fate}: no such fate", hint=f"one or more of {','.join(FATES)}")
    return fates


def _print(accounts: Sequence[Account], *, as_json: bool, as_csv: bool, header: bool) -> None:
    if as_json:
        print_json({"slots": [account.to_json() for account in accounts]})
    elif as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(_values(account) for account in accounts)
    else:
        if not is_terminal():
            print_header(COLUMNS, wanted=header)
        for account in accounts:
            print_tabbed(_values(account))


def _values(account: Account) -> list[Any]:
    values = account.to_json()
    values["evidence"] = "; ".join(each.what for each in account.evidence) or account.slot.detail
    return [values[column] for column in COLUMNS]


def _print_counts(counts: dict[str, dict[str, int]], *, as_json: bool, as_csv: bool) -> None:
    rows = [{"job": job, **numbers} for job, numbers in counts.items()]
    if as_json:
        print_json({"jobs": rows})
    elif as_csv:
        table = csv.DictWriter(sys.stdout, COUNT_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    else:
        print_header(COUNT_COLUMNS, wanted=not is_terminal())
        for row in rows:
            print_tabbed(list(row.values()))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
