"""`fleet control` and `fleet worker`: the two processes of the fleet."""

import os

import click

from process_control.actions.rights import become_actor, who
from process_control.cli.print.output import talk
from process_control.cli.session import Session, verb
from process_control.config.keys.run_on_kinds import is_host_name
from process_control.errors import UsageError
from process_control.fleet.library import require_the_library
from process_control.state.block import Identity


@verb("control", epilog="It keeps nothing of the fleet: when it is killed, another one takes over within seconds.")
def control(session: Session) -> None:
    """Decide for the fleet which job starts when. Two or three of them, on any hosts, stand in for each other."""
    require_the_library()
    from process_control.fleet.processes import run_control

    actor = become_actor(session.load(), by=who(dict(os.environb)), command="process-control fleet control")
    run_control(actor.settings, talk)


@verb(
    "worker",
    epilog=(
        "TERM and Control-C: it takes nothing more, and ends with its runs; a second time: it stops them. When it is "
        "killed, its runs are killed. Exit code 75: another worker has the state directory, or no server answers."
    ),
)
@click.option("--name", metavar="HOST", help="What this host is called in `run_on`. Default: as `uname -n` has it.")
@click.option(
    "--drain-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="After TERM, stop the runs that have not ended by then.",
)
def worker(session: Session, *, name: str | None, drain_timeout: float | None) -> None:
    """Run jobs of the fleet on this host: those for any host, for this one, and for its tags (`fleet.tags`)."""
    require_the_library()
    from process_control.fleet.processes import run_worker

    host = name or os.uname().nodename
    if not is_host_name(host):
        raise UsageError(f"not a name of a host: '{host}'", hint="letters, digits, dots, - and _")
    identity = Identity()  # before rights are dropped
    actor = become_actor(session.load(), by=who(dict(os.environb)), command="process-control fleet worker")
    run_worker(actor.settings, talk, host=host, identity=identity, drain_seconds=drain_timeout)
