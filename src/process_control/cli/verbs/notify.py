"""`notify`: test whether people can be reached."""

import os
from datetime import UTC, datetime

import click

from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.cli.verb_group import Verbs
from process_control.config.failmail import Failmail, failmail_of
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.errors import BadConfiguration
from process_control.notify.channel import Contents
from process_control.notify.channels.mail.send import Undelivered, message_of, send
from process_control.notify.channels.mail.way import sender_of, way_of

VERBS = {
    "preview": ("process_control.cli.verbs.notify_preview:notify_preview", "show what a message about a job says"),
    "test": ("process_control.cli.verbs.notify:notify_test", "send a test mail the way mail about failures is sent"),
}


@click.group("notify", cls=Verbs, verbs=VERBS)
def notify() -> None:
    """Show what messages say, and test whether mail can be sent."""


@verb("test", epilog="Exit code 0: the mail was accepted; 1: it was not, and why; 78: no mail recipient is configured.")
@click.argument("job", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def notify_test(session: Session, job: str | None, as_json: bool) -> int:
    """Send a test mail to the recipients of the failmail of all jobs, or of JOB."""
    settings = session.settings("notify test", may_read=False)
    failmail = _failmail(None if job is None else load_job(job, settings), settings)
    way, why = "", None
    try:
        how = way_of(failmail)
        way = how.in_words
        send(
            _message(failmail, job or "any job"), sender=sender_of(failmail), recipients=failmail.to_addresses, way=how
        )
    except Undelivered as error:
        why = error.why
    if as_json:
        print_json({"to": list(failmail.to_addresses), "by": way, "taken": why is None, "why": why})
    elif not is_terminal():
        print_tabbed(["mail", "taken" if why is None else "not taken", ", ".join(failmail.to_addresses), way, why])
    if why is not None:
        to = ", ".join(failmail.to_addresses)
        talk(f"the test mail to {to} was not accepted: {why}\n  hint: process-control explain failmail")
        return 1
    talk(f"test mail to {', '.join(failmail.to_addresses)} handed to {way}")
    return 0


def _failmail(job: Job | None, settings: Settings) -> Failmail:
    failmail = failmail_of(job, settings)
    if failmail is None:
        raise BadConfiguration(
            "no mail recipient is configured",
            where=(job.path if job is not None else settings.path) or "",
            hint="add: failmail: {to_address: ops@example.org}",
        )
    return failmail


def _message(failmail: Failmail, about: str) -> bytes:
    host = os.uname().nodename
    text = f"A test of the failmail of {about}, sent by `process-control notify test`"
    contents = Contents(
        subject=f"{host}: process-control can reach you", text=f"{text}\n", html=f"<p>{text}</p>", short=text
    )
    now = datetime.now(UTC)
    identity = f"<test-{now:%Y%m%d%H%M%S%f}.process-control@{host}>"
    return message_of(
        contents,
        about="process-control",
        sender=sender_of(failmail),
        recipients=failmail.to_addresses,
        message_id=identity,
        answers=None,
        at=now,
    )
