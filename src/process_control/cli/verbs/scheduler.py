"""`scheduler`: start jobs at their planned times, without cron."""

import os
import signal
from pathlib import Path

import click

from process_control.actions.rights import become_actor, who
from process_control.cli.print.output import talk
from process_control.cli.session import Session, verb
from process_control.errors import FINE, NotStarted
from process_control.scheduler.client import ask, wait_for_drain
from process_control.system import linux
from process_control.system.interpreter import python
from process_control.system.service_manager import ServiceManager
from process_control.views.in_charge import restart_command

_NO_SCHEDULER = "no scheduler runs here"


@verb(
    "scheduler",
    epilog=(
        "It runs in the foreground; under systemd: `systemctl enable --now process-control`. TERM and Control-C end it "
        "and no run. HUP reads the job files at once; changed files are seen within 10 seconds. Exit code 75: another "
        "scheduler runs."
    ),
)
@click.option("--drain", is_flag=True, help="Have the running scheduler start nothing more; wait for its runs.")
@click.option("--reload", "reloads", is_flag=True, help="Have the running scheduler read the job files now.")
@click.option("--orders", type=int, hidden=True)
@click.option("--wish", type=int, hidden=True)
def scheduler(session: Session, *, drain: bool, reloads: bool, orders: int | None, wish: int | None) -> int:
    """Start each job at its planned times, as cron would, and do what `watch` does.

    One scheduler for a run directory. Runs continue when it ends, is killed or is upgraded. When cron or timers start
    the same jobs, each planned time still has one run.

    \f
    The process that you start is the parent of two: the scheduler proper, which becomes the service user, and the
    launcher, which starts the runs. When one of them dies, the parent starts it again.
    """
    if orders is not None:
        return _run(session, orders, wish)
    if drain or reloads:
        settings = session.settings("scheduler", may_read=False)
        if reloads:
            answer = ask(settings, {"verb": "reload"})
            if answer is None:
                raise NotStarted(_NO_SCHEDULER, hint="process-control scheduler")
            talk("1 job is planned" if answer["jobs"] == 1 else f"{answer['jobs']} jobs are planned")
        if drain:
            if not wait_for_drain(settings, talk):
                raise NotStarted(_NO_SCHEDULER, hint="process-control scheduler")
            talk(f"no run is left; nothing starts until the scheduler is started again: {restart_command()}")
        return FINE
    session.load()
    become_the_parent(session.config)
    return FINE


def become_the_parent(config: str | None) -> None:
    """Replace this process by the parent of scheduler and launcher. Does not return."""
    words = words_of_the_parent(config)
    os.execv(words[0], words)


def words_of_the_parent(config: str | None) -> list[str]:
    """Return the command line of the parent."""
    program = str(Path(__file__).parents[2] / "entry" / "scheduler.py")
    return [*python(), "-I", "-S", program, *(["--config", os.path.abspath(config)] if config else [])]


def _run(session: Session, orders: int, wish: int | None) -> int:
    """Be the scheduler, as a child of the parent."""
    from process_control.scheduler.loop import Scheduler

    manager = ServiceManager()
    settings = session.load()
    actor = become_actor(settings, by=who(dict(os.environb)), command="process-control scheduler")
    linux.set_parent_death_signal(signal.SIGKILL)  # the change of user has reset it
    linux.set_process_name(b"scheduler")
    return Scheduler(actor, orders, manager, wish=wish).run()
