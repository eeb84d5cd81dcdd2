"""`slots`: every planned time and what became of it."""

import csv
import gc
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from process_control.cli.history_index import open_index, report_garbled
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json, print_json_list, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import (
    NO_HEADER_HELP,
    inert,
    is_terminal,
    print_header,
    print_rows_tabbed,
    print_tabbed,
)
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_past import accounts_in_fleet
from process_control.config.all_jobs import load_all
from process_control.core.schedule.slots import FATES
from process_control.errors import UsageError
from process_control.system.clock import iso
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Account, Ledger
from process_control.views.time_words import SINCE_HELP, moment_of_flag

COLUMNS = ("slot", "job", "fate", "reason", "cause", "outcome", "late_seconds", "run_id", "evidence")
COUNT_COLUMNS = ("job", "planned", *FATES)
#: So many rows on a terminal without --limit: whoever needs more says so, or takes a pipe.
DEFAULT_LIMIT = 1000


@verb(
    "slots",
    epilog=f"{JOBS_HELP} Newest first. In a pipe, separated by tabs, below a line of names: {', '.join(COLUMNS)}.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--since", metavar="TIME", default="7d", show_default=True, help=SINCE_HELP)
@click.option("--until", metavar="TIME", help="As --since; now without it.")
@click.option("--fate", "fates", metavar="FATE,...", help=f"Only these: {', '.join(FATES)}.")
@click.option("--limit", type=click.IntRange(min=0), help="At most this many, the newest; 0: all. Default: all.")
@click.option("--count", "only_count", is_flag=True, help="How many of each fate: planned is their sum.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "slots": [...]}; with --count "jobs".')
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with a header.")
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@click.option("--fleet", "in_fleet", is_flag=True, help="Of the jobs of the fleet; --count: from when.")
@paged
@looks_at_hosts(jobs="jobs", tables={"slots": COLUMNS, "slots --count": COUNT_COLUMNS})
def slots(
    session: Session,
    jobs: Sequence[str],
    since: str,
    until: str | None,
    fates: str | None,
    limit: int | None,
    only_count: bool,
    as_json: bool,
    as_csv: bool,
    no_header: bool,
    in_fleet: bool,
) -> None:
    """Show every planned time (slot) and its fate: ran, skipped, missed or due.

    \f
    With --fleet the server is asked: the state of a lock has the last 50 planned times of each job, its histories have
    those before, as long as the namespace keeps them. `--count` says from when they are counted. Many that were missed
    at once are one row.
    """
    gc.disable()  # a million small objects without circles: looking for some takes a third of the time
    wanted = _fates(fates)
    now = datetime.now(UTC)
    after, end = _window(since, until, now)
    if as_json and as_csv:
        raise UsageError("--json or --csv, not both", hint="process-control slots --help")
    if in_fleet:
        accounts, of_fleet, begins = accounts_in_fleet(session, jobs, after=after, until=end)
        if only_count:
            _print_counts(of_fleet, begins, (after + 1, end), now, as_json=as_json, as_csv=as_csv, header=not no_header)
            return
        accounts = [each for each in accounts if each.slot.fate in wanted]
        _print(accounts, now, limit, as_json=as_json, as_csv=as_csv, header=not no_header)
        return
    settings = session.settings("slots")
    with open_index(settings.state_directory) as index:
        loaded = load_all(settings)
        ledger = Ledger(settings, loaded, index, now=time.time())
        slugs = select_known(settings, jobs, loaded, [*ledger.known_jobs, *(index.jobs() if jobs else ())])
        if only_count:
            counts = ledger.counts(slugs, after=after, until=end)
            begins = {slug: ledger.begins(slug) for slug in counts}
            garbled = index.garbled()
        else:
            accounts = [each for each in ledger.accounts(slugs, after=after, until=end) if each.slot.fate in wanted]
            accounts.reverse()
            garbled = index.garbled()
    if only_count:
        _print_counts(counts, begins, (after + 1, end), now, as_json=as_json, as_csv=as_csv, header=not no_header)
    else:
        _print(accounts, now, limit, as_json=as_json, as_csv=as_csv, header=not no_header)
    report_garbled(settings, garbled)


def _window(since: str, until: str | None, now: datetime) -> tuple[float, float]:
    """Return (after, until] in UTC seconds. Raises UsageError (2) when it ends before it begins."""
    after = _seconds(moment_of_flag("--since", since, now)) - 1
    end = now.timestamp() if until is None else _seconds(moment_of_flag("--until", until, now))
    if end <= after:
        raise UsageError(f"--until {until} is before --since {since}", hint="process-control slots --help")
    return after, end


def _fates(text: str | None) -> Sequence[str]:
    if text is None:
        return FATES
    fates = [fate.strip() for fate in text.split(",")]
    for fate in fates:
        if fate not in FATES:
            raise UsageError(f"--fate {fate}: no such fate", hint=f"one or more of {','.join(FATES)}")
    return fates


def _print(
    accounts: Sequence[Account], now: datetime, limit: int | None, *, as_json: bool, as_csv: bool, header: bool
) -> None:
    on_screen = is_terminal() and not (as_json or as_csv)
    most = (DEFAULT_LIMIT if on_screen else 0) if limit is None else limit
    shown = accounts[:most] if most else accounts
    if as_json:
        print_json_list("slots", (account.to_json() for account in shown))
    elif as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([inert(value) for value in _values(account)] for account in shown)
    elif on_screen:
        from process_control.cli.verbs.slots_screen import show_slots

        show_slots(shown, now)
        if len(shown) < len(accounts):
            talk(f"showing the newest {len(shown):,} of {len(accounts):,} planned times (--limit 0: all)")
    else:
        print_header(COLUMNS, wanted=header)
        print_rows_tabbed(map(_values, shown))


def _values(account: Account) -> list[Any]:
    """Return the values of COLUMNS."""
    slot, run = account.slot, account.slot.run
    outcome, late, run_id = (run.outcome, run.late_seconds, run.run_id) if run is not None else (None, None, None)
    what = "; ".join([each.what for each in account.evidence]) or slot.detail
    return [account.planned, slot.job, slot.fate, slot.reason, slot.cause, outcome, late, run_id, what]


def _print_counts(
    counts: Mapping[str, Mapping[str, int]],
    begins: Mapping[str, float | None],
    window: tuple[float, float],
    now: datetime,
    *,
    as_json: bool,
    as_csv: bool,
    header: bool,
) -> None:
    rows = [{"job": job, **numbers} for job, numbers in counts.items()]
    if as_json:
        print_json({"jobs": rows})
    elif as_csv:
        table = csv.DictWriter(sys.stdout, COUNT_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    elif is_terminal():
        from process_control.cli.verbs.slots_screen import show_counts

        show_counts(counts, begins, window, now)
    else:
        print_header((*COUNT_COLUMNS, "from"), wanted=header)
        for row in rows:
            first = begins[str(row["job"])]
            counted_from = max(window[0], first) if first is not None else None
            print_tabbed([*row.values(), iso(counted_from) if counted_from is not None else None])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
