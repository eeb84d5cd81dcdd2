"""`unsilence`: messages about jobs are sent again."""

from collections.abc import Sequence

import click

from process_control.actions import silence as action
from process_control.cli.chosen import become_whoever_may, print_dry_run
from process_control.cli.print.output import talk
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.silence import IN_A_PIPE, TAG, print_silences
from process_control.views.selected_jobs import select_jobs


@verb(
    "unsilence",
    epilog=f"{JOBS_HELP} tag:NAME ends the silence of the tag. {IN_A_PIPE} Exit code 1: nothing was silenced.",
)
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@click.option("--dry-run", is_flag=True, help="Only show which jobs would be changed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def unsilence(session: Session, jobs: Sequence[str], dry_run: bool, as_json: bool) -> int:
    """End silences: messages about jobs are sent again, and those of open incidents now."""
    actor = become_whoever_may(session, "unsilence")
    tags = [word.removeprefix(TAG) for word in jobs if word.startswith(TAG)]
    others = [word for word in jobs if not word.startswith(TAG)]
    named = [job.slug for job in select_jobs(actor.settings, others)] if others else []
    if dry_run and as_json:
        return print_dry_run("unsilence", named)
    if dry_run:
        talk(f"dry run: would unsilence {', '.join([*named, *(TAG + tag for tag in tags)])}")
        return 0
    ended = action.unsilence(actor, jobs=named, tags=tags)
    print_silences(ended, "unsilenced", as_json=as_json)
    if not ended and not as_json:
        talk("nothing of that was silenced\n  hint: what is: process-control audit --event silence")
    return 0 if ended else 1
