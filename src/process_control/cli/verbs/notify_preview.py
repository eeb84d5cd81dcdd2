"""`notify preview`: what a message about a job says, before one is sent."""

from datetime import UTC, datetime

import click

from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.pager import paged
from process_control.cli.session import Session, verb
from process_control.config.job_directory import load_job
from process_control.errors import UsageError
from process_control.views.preview import KINDS, Preview, preview_of


@verb(
    "preview",
    epilog=(
        "It is about the last run of JOB that ended so; if there is none, about one that is made up. Nothing is sent, "
        "and every channel has the same content."
    ),
)
@click.argument("job")
@click.option(
    "--as", "kind", type=click.Choice(KINDS), default="failed", show_default=True, metavar="KIND", help="See below."
)
@click.option("--html", "as_html", is_flag=True, help="The page that a mail has beside the text.")
@click.option("--short", "as_short", is_flag=True, help="The few lines for a chat.")
@click.option("--json", "as_json", is_flag=True, help="All forms as JSON.")
@paged
def notify_preview(session: Session, job: str, kind: str, *, as_html: bool, as_short: bool, as_json: bool) -> None:
    """Show what a message about JOB says: subject and text.

    KIND: failed, lost, missed, stale, skipped, refused; recovered, reminder, changed, flapping; of the whole host
    host_down, trigger_dead, watch_dead, disk_full, mail_dead, file_invalid.
    """
    if as_html + as_short + as_json > 1:
        raise UsageError("--html, --short and --json exclude each other", hint="use one of them")
    settings = session.settings("notify preview")
    found = preview_of(load_job(job, settings), kind, settings, now=datetime.now(UTC))
    if as_json:
        print_json(_json(found, job))
        return
    contents = found.contents
    if as_html or as_short:
        print_line((contents.html if as_html else contents.short).rstrip("\n"))
    else:
        print_line(f"Subject: {contents.subject}\n\n{contents.text}".rstrip("\n"))
    if found.is_made_up:
        talk("this message is made up: the history has no such run")


def _json(found: Preview, job: str) -> dict[str, object]:
    contents = found.contents
    return {
        "job": job,
        "as": found.kind,
        "made_up": found.is_made_up,
        "subject": contents.subject,
        "text": contents.text,
        "html": contents.html,
        "short": contents.short,
    }
