"""`release`: let jobs that are held run again."""

from collections.abc import Sequence

import click

from process_control.actions import release as action
from process_control.cli.chosen import become_whoever_may, changes_jobs, choose_and_agree
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_by_hand import release_in_fleet
from process_control.cli.verbs.hold_screen import IN_A_PIPE, print_done


@verb(
    "release",
    epilog=(
        f"{JOBS_HELP} {IN_A_PIPE} Exit code 0: released; 1: nothing was held. Also ends a backoff, and rebuilds "
        "an unreadable health file."
    ),
)
@changes_jobs
@click.option("--fleet", "in_fleet", is_flag=True, help="In the whole fleet.")
def release(
    session: Session,
    jobs: Sequence[str],
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Release jobs on hold. A job with slow_start runs slow_start_command first."""
    if in_fleet:
        return release_in_fleet(session, jobs, note=note, yes=yes, dry_run=dry_run, as_json=as_json)
    actor = become_whoever_may(session, "release")
    chosen = choose_and_agree("release", actor.settings, jobs, yes=yes, dry_run=dry_run, as_json=as_json)
    if not chosen:
        return 0
    done = action.release(actor, chosen, note=note)
    print_done(done, as_json=as_json)
    return 0 if any(each.changed.is_change for each in done) else 1
