"""`silence`: nobody is notified about jobs for a while; they run on."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.actions import silence as action
from process_control.cli.chosen import agree, become_whoever_may, changes_jobs, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.keys.number_kinds import seconds_of
from process_control.core.moments import day_and_time, parse_iso
from process_control.errors import UsageError
from process_control.state.silences import Silence
from process_control.views.selected_jobs import select_jobs

IN_A_PIPE = "In a pipe, separated by tabs: job or tag:NAME, what was done, until when, note."
TAG = "tag:"


@verb(
    "silence",
    epilog=f"{JOBS_HELP} tag:NAME silences jobs too that get the tag later. {IN_A_PIPE} To stop runs: pause.",
)
@click.option("--for", "time_word", metavar="TIME", required=True, help="How long: 90s, 10m, 2h, 1d.")
@changes_jobs
def silence(
    session: Session,
    jobs: Sequence[str],
    time_word: str,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send no messages about jobs for a while; they run on, and incidents are kept.

    \f
    When the silence is over and an incident is still open, one message is sent. The end of an incident that was opened
    before the silence is sent after it. A silence never shortens a longer one; `unsilence` ends it.
    """
    seconds = seconds_of(time_word)
    if not seconds:
        raise UsageError(f"--for {time_word}: not a time above 0", hint="90s, 10m, 2h, 1d")
    actor = become_whoever_may(session, "silence")
    slugs = [job.slug for job in select_jobs(actor.settings, jobs)]
    if dry_run and as_json:
        return print_dry_run("silence", slugs)
    if not agree("silence", slugs, yes=yes, dry_run=dry_run):
        return 0
    tags = [word.removeprefix(TAG) for word in jobs if word.startswith(TAG)]
    others = [word for word in jobs if not word.startswith(TAG)]
    named = [job.slug for job in select_jobs(actor.settings, others)] if others else []
    print_silences(
        action.silence(actor, jobs=named, tags=tags, seconds=seconds, note=note), "silenced", as_json=as_json
    )
    return 0


def print_silences(silences: Sequence[Silence], done: str, *, as_json: bool) -> None:
    """Print what was done with each silence."""
    if as_json:
        print_json({"silences": [each.to_json(done) for each in silences]})
        return
    now = datetime.now(UTC)
    for each in silences:
        whom = each.job or f"{TAG}{each.tag}"
        if is_terminal():
            until = f" until {day_and_time(parse_iso(each.until), now)}" if done == "silenced" else ""
            note = f" (note: {each.note})" if each.note else ""
            talk(f"{whom}: {done}{until}{note}")
        else:
            print_tabbed([whom, done, each.until, each.note or None])
