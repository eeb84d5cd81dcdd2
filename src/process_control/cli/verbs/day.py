"""`day`: one day as lanes: what ran, what will run, what collides, when it is quiet."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from process_control.cli.history_index import open_index
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.all_jobs import load_all
from process_control.core.day import Day
from process_control.system.clock import iso
from process_control.views.day import read_day, to_json
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Ledger
from process_control.views.time_words import LocalZone, moment_of_flag

COLUMNS = ("from", "until", "job", "kind")


@verb(
    "day",
    epilog=(
        "DATE: today (default), yesterday, tomorrow or 2026-03-01. What is planned is drawn as long as the job's runs "
        f"usually take. In a pipe, separated by tabs, below a line of their names: {', '.join(COLUMNS)}."
    ),
)
@click.argument("date", required=False, metavar="[DATE]", default="today")
@click.option("--job", "jobs", multiple=True, metavar="JOB", help="Only these: a slug, a glob or tag:NAME.")
@click.option("--all", "show_all", is_flag=True, help="A lane for every job, not just one screen of them.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "from", "until", "lanes", "collisions", ...}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
@looks_at_hosts(jobs="jobs", tables={"day": COLUMNS})
def day(session: Session, date: str, jobs: Sequence[str], show_all: bool, as_json: bool, no_header: bool) -> None:
    """Show one day as lanes: what ran, what will run, collisions, quiet times and clock changes."""
    begin, end = _of_date(date, datetime.now(UTC))
    settings = session.settings("day")
    with open_index(settings.state_directory) as index:
        loaded = load_all(settings)
        ledger = Ledger(settings, loaded, index, now=time.time())
        wanted = select_known(settings, jobs, loaded, {*index.jobs(), *ledger.known_jobs})
        found = read_day(settings, loaded, wanted, index, ledger, begin=begin, end=end, zone=LocalZone())
    if as_json:
        print_json(to_json(found))
    elif is_terminal():
        from process_control.cli.verbs.day_screen import show_day

        show_day(found, LocalZone(), show_all=show_all)
    else:
        print_header(COLUMNS, wanted=not no_header)
        _print(found)


def _print(found: Day) -> None:
    stretches = [each for lane in found.lanes for each in lane.stretches]
    for each in sorted(stretches, key=lambda each: (each.begin, each.job)):
        print_tabbed([iso(each.begin), iso(each.end), each.job, each.kind])


def _of_date(text: str, now: datetime) -> tuple[float, float]:
    """Return when the day begins and when the next one does, in UTC seconds. Raises UsageError (2)."""
    if text.strip().lower() == "tomorrow":
        text = f"{(now.astimezone().replace(tzinfo=None) + timedelta(days=1)):%Y-%m-%d}"
    moment = datetime.fromisoformat(moment_of_flag("DATE", text, now)).astimezone().replace(tzinfo=None)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone().timestamp(), (midnight + timedelta(days=1)).astimezone().timestamp()
