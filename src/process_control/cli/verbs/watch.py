"""`watch`: one look, as cron or a timer starts it every minute."""

import os
import sys

import click

from process_control.actions.catch_up import catch_up as catch_up_now
from process_control.actions.rights import become_actor, who
from process_control.actions.watch import Watch, looks_itself
from process_control.actions.watch_fault import LOOK, METRICS, WatchFault
from process_control.cli.session import Session, verb
from process_control.config.settings import Settings
from process_control.errors import FINE, ProcessControlError
from process_control.run.dead_watch import FOUND_BY_A_START
from process_control.system.account import account_of


@verb(
    "watch",
    epilog=(
        "cron-generate writes a line for it when a job has `catch_up`, when somebody is notified, or for "
        "`metrics.textfile`. It prints nothing while all is well, and the same fault once a day, unless on a terminal: "
        "cron mails what it prints. A second one at the same time does nothing. Exit code 0: done."
    ),
)
@click.option("--catch-up", "only_catch_up", is_flag=True, hidden=True)
@click.option(f"--{FOUND_BY_A_START}", "was_found_by_a_start", is_flag=True, hidden=True)
def watch(session: Session, *, only_catch_up: bool, was_found_by_a_start: bool) -> int:
    """Take one look at the host: note the time, record changed job files and killed starts, start what was missed.

    After more than three minutes without a look, a reboot, a sleep or a step of the clock in between is recorded.

    \f
    People are notified of what no run can report: missed planned times, stale jobs, lost runs, a host that was down, a
    dead trigger or watch, a full disk, messages that wait, invalid files. What a trouble of the host did to jobs is
    counted in its own incident. A scheduled start that finds no look of the last five minutes starts one. While the
    scheduler is alive it takes the looks itself, and this only sees that it does.
    """
    fault = WatchFault(session.config)
    try:
        settings = session.load()
        fault.is_gone()
        fault.kind = LOOK
        actor = become_actor(settings, by=who(dict(os.environb)), command="process-control watch")
        if only_catch_up:
            catch_up_now(actor.settings)
        elif (
            not looks_itself(actor.settings)
            and Watch(actor, was_found_by_a_start=was_found_by_a_start).take()
            and actor.settings.metrics_textfile is not None
        ):
            fault.is_gone()
            fault.kind = METRICS
            _write_metrics(actor.settings, actor.settings.metrics_textfile)
    except ProcessControlError as error:
        if sys.stderr.isatty() or not fault.is_repeated(error):
            raise
        return error.exit_code
    fault.is_gone()
    return FINE


def _write_metrics(settings: Settings, path: str) -> None:
    from process_control.actions.write_metrics import write_metrics

    write_metrics(settings, path, reader=account_of(os.geteuid()))
