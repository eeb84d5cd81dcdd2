"""`ack`: somebody knows of an incident."""

from datetime import UTC, datetime

import click

from process_control.actions import acknowledge as action
from process_control.cli.chosen import become_whoever_may
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.cli.verbs.incidents import one
from process_control.core.facts import one_line
from process_control.notify.incident_json import incident_json
from process_control.state.incident_store import Store
from process_control.system.clock import iso
from process_control.views.incidents import Incidents


@verb(
    "ack",
    epilog="INCIDENT is an id; its first letters are enough. A hold or a pause of the job by hand acknowledges too. "
    "In a pipe, separated by tabs: id, what was done, note. Exit code 1: there is no such incident, or it is over.",
)
@click.argument("id", metavar="INCIDENT")
@click.option("--note", metavar="TEXT", help="What is done about it: shown with the incident.")
@click.option("--dry-run", is_flag=True, help="Only show what would be acknowledged.")
@click.option("--json", "as_json", is_flag=True, help="Print the incident as JSON.")
def ack(session: Session, id: str, note: str | None, dry_run: bool, as_json: bool) -> None:  # noqa: A002
    """Acknowledge an incident: no reminder is sent until its reason changes."""
    actor = become_whoever_may(session, "ack")
    now = datetime.now(UTC)
    whole = one(Incidents(actor.settings, now=iso(now.timestamp())), id).incident.id
    words = None if note is None else one_line(note)
    if dry_run:
        incident = action.incident_to_acknowledge(Store(actor.settings.state_directory), whole)
    else:
        incident = action.acknowledge(actor, whole, note=words)
    done = "would acknowledge" if dry_run else "acknowledged"
    if as_json:
        print_json({"done": done, "changed": not dry_run, "incident": incident_json(incident)})
    elif is_terminal():
        talk(f"{incident.id}: {done}; {incident.sentence}")
    else:
        print_tabbed([incident.id, done, words])
