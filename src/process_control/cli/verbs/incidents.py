"""`incidents`: what people are notified of: open incidents, closed ones, and the story of one."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.cli.history_index import open_index
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.settings import Settings
from process_control.errors import ProcessControlError, UsageError
from process_control.system.clock import iso
from process_control.views.incidents import Incidents, Seen, wait_for_what_was_posted
from process_control.views.selected_jobs import select_slugs

COLUMNS = ("id", "state", "cause", "jobs", "count", "since", "opened_at", "closed_at", "sentence")
SHOW = "show"


@verb(
    "incidents",
    epilog=(
        f"{JOBS_HELP} `incidents show ID` has the story of one: who was notified when, and what the receiver "
        f"answered; the first letters of ID are enough. In a pipe, separated by tabs: {', '.join(COLUMNS)}. "
        "Exit code 1: no such incident."
    ),
)
@click.argument("words", nargs=-1, metavar="[JOB]...")
@click.option("--all", "-a", "with_closed", is_flag=True, help="Closed ones too.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "incidents": [...]}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
@looks_at_hosts(jobs="words", tables={"incidents": COLUMNS})
def incidents(session: Session, words: Sequence[str], with_closed: bool, as_json: bool, no_header: bool) -> None:
    """Show the open incidents: what people are notified of, once when it opens and once when it is over.

    \f
    An incident opens with the first trouble of a job (with `failure_threshold_for_mail`: with that one), counts what
    follows, and closes with the first run that goes well. Trouble of the whole host (it was down, cron is dead, the
    disk is full) is one incident for all its jobs. `ack ID` stops reminders until the reason changes; `silence` sends
    nothing for a while.
    """
    now = datetime.now(UTC)
    settings = session.settings("incidents")
    wait_for_what_was_posted(settings.state_directory)
    known = Incidents(settings, now=iso(now.timestamp()))
    if words[:1] == (SHOW,):
        _show(known, words[1:], now, as_json=as_json)
        return
    found = known.all(with_closed=with_closed, jobs=_slugs(settings, words))
    if as_json:
        print_json({"incidents": [seen.to_json() for seen in found]})
    elif is_terminal():
        from process_control.cli.verbs.incidents_screen import show_incidents

        show_incidents(found, now, with_closed=with_closed)
    else:
        print_header(COLUMNS, wanted=not no_header)
        for seen in found:
            values = seen.to_json()
            print_tabbed([", ".join(values["jobs"]) if name == "jobs" else values[name] for name in COLUMNS])


def _slugs(settings: Settings, words: Sequence[str]) -> Sequence[str] | None:
    if not words:
        return None
    with open_index(settings.state_directory) as index:
        return select_slugs(settings, words, index)


def _show(known: Incidents, words: Sequence[str], now: datetime, *, as_json: bool) -> None:
    if len(words) != 1:
        raise UsageError("incidents show needs one ID", hint="process-control incidents lists them")
    seen = one(known, words[0])
    story = known.story(seen.incident)
    if as_json:
        print_json({"incident": seen.to_json(), "story": [{"at": step.at, "what": step.what} for step in story]})
        return
    from process_control.cli.verbs.incidents_screen import show_incident

    show_incident(seen, story, now)


def one(known: Incidents, id: str) -> Seen:  # noqa: A002
    """Return the incident of an id, or of the beginning of one. Raises ProcessControlError (1)."""
    seen = known.one(id)
    if seen is None:
        raise ProcessControlError("no such incident", where=id, hint="all of them: process-control incidents --all")
    return seen
