"""`export`: the jobs as other programs want them; one verb for each of them."""

import click

from process_control.cli.session import options_of_every_verb
from process_control.cli.verb_group import Verbs

TARGETS = {
    "systemd": ("process_control.cli.verbs.export_systemd:export_systemd", "timer and service units of the jobs"),
}


@click.group("export", cls=Verbs, verbs=TARGETS, params=options_of_every_verb())
def export() -> None:
    """Make from the job files what another program wants."""
