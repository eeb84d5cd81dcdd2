"""`notify`: test whether people can be reached."""

import click

from process_control.actions.try_channels import Trial, recipients_to_try
from process_control.cli.print.output import print_json
from process_control.cli.session import Session, verb
from process_control.cli.verb_group import Verbs
from process_control.cli.verbs.notify_screen import show, show_before, tries_as_json
from process_control.config.job_directory import load_job

VERBS = {
    "preview": ("process_control.cli.verbs.notify_preview:notify_preview", "show what a message about a job says"),
    "test": ("process_control.cli.verbs.notify:notify_test", "send a test message through each channel"),
}


@click.group("notify", cls=Verbs, verbs=VERBS)
def notify() -> None:
    """Show what messages say, and test whether people can be reached."""


@verb(
    "test",
    epilog=(
        "Exit code 0: every message was accepted; 1: one was not, and why; 78: nobody is configured to get messages. "
        "In a pipe, separated by tabs: channel, taken or not taken, to whom, by which way (mail), why not."
    ),
)
@click.argument("job", required=False)
@click.option("--dry-run", is_flag=True, help="Only show who would get a message.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def notify_test(session: Session, job: str | None, dry_run: bool, as_json: bool) -> int:
    """Send a test message through each channel: to whoever gets those about JOB, or is in the configuration.

    A pager gets the end of an incident, so that none is left open there.
    """
    settings = session.settings("notify test", may_read=False)
    definition = None if job is None else load_job(job, settings)
    recipients, trial = recipients_to_try(definition, settings), Trial(definition, settings)
    tries = []
    for recipient in recipients:
        tries.append(trial.before(recipient))
        if not dry_run:
            show_before(tries[-1])
            tries[-1] = trial.send(recipient)
        if not as_json:
            show(tries[-1])
    if as_json:
        print_json(tries_as_json(tries, dry_run=dry_run))
    return 0 if dry_run or all(each.taken for each in tries) else 1
