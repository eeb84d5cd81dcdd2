"""`pause`: a hold that ends by itself."""

from collections.abc import Sequence

import click

from process_control.actions import pause as action
from process_control.cli.chosen import become_whoever_may, changes_jobs, choose_and_agree
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.hold import talk_of_live_runs
from process_control.cli.verbs.hold_screen import IN_A_PIPE, print_done
from process_control.config.keys.number_kinds import seconds_of
from process_control.errors import UsageError


@verb("pause", epilog=f"{JOBS_HELP} {IN_A_PIPE} A pause never shortens a hold that has no end.")
@click.option("--for", "time_word", metavar="TIME", required=True, help="How long: 90s, 10m, 2h, 1d.")
@changes_jobs
def pause(
    session: Session,
    jobs: Sequence[str],
    time_word: str,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Hold jobs for a limited time."""
    seconds = seconds_of(time_word)
    if not seconds:
        raise UsageError(f"--for {time_word}: not a time above 0", hint="90s, 10m, 2h, 1d")
    actor = become_whoever_may(session, "pause")
    chosen = choose_and_agree("pause", actor.settings, jobs, yes=yes, dry_run=dry_run, as_json=as_json)
    if not chosen:
        return 0
    done = action.pause(actor, chosen, seconds=seconds, note=note)
    print_done(done, as_json=as_json)
    talk_of_live_runs(done)
    return 0
