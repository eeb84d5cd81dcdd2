"""`fleet`: jobs on many hosts, planned and started by a Temporal server; one verb for each thing to do."""

import click

from process_control.cli.session import options_of_every_verb
from process_control.cli.verb_group import Verbs

VERBS = {
    "apply": ("process_control.cli.verbs.fleet_apply:apply", "hand the job files of this host to the fleet"),
    "status": ("process_control.cli.verbs.fleet_status:status", "all jobs of the fleet: state, next time, last run"),
    "hosts": ("process_control.cli.verbs.fleet_hosts:hosts", "its processes by host: version, commit, drift, clock"),
    "doctor": ("process_control.cli.verbs.fleet_doctor:doctor", "is everything right that the fleet depends on?"),
    "worker": ("process_control.cli.verbs.fleet_processes:worker", "run jobs of the fleet on this host"),
    "control": ("process_control.cli.verbs.fleet_processes:control", "decide for the fleet; two or three suffice"),
}


@click.group("fleet", cls=Verbs, verbs=VERBS, params=options_of_every_verb())
def fleet() -> None:
    """Run jobs on many hosts.

    It needs a Temporal server (`fleet.address` in the configuration), `fleet control` on two or three hosts, `fleet
    worker` on each, and the extra process-control[fleet]. To try it on this host: process-control up --fleet
    """
