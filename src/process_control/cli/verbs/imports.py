"""`import`: job files made from what other programs have; one verb for each of them."""

import click

from process_control.cli.session import options_of_every_verb
from process_control.cli.verb_group import Verbs

SOURCES = {
    "crontab": (
        "process_control.cli.verbs.import_crontab:import_crontab",
        "job files from the lines of crontabs, or one live line taken over",
    ),
    "original": (
        "process_control.cli.verbs.import_original:import_original",
        "job files and configuration of the original process-control",
    ),
}


@click.group("import", cls=Verbs, verbs=SOURCES, params=options_of_every_verb())
def imports() -> None:
    """Make job files from what another program has."""
