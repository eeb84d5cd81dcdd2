"""`hold`: prevent the scheduled runs of jobs."""

from collections.abc import Sequence

import click

from process_control.actions import hold as action
from process_control.cli.chosen import become_whoever_may, changes_jobs, choose_and_agree
from process_control.cli.print.output import talk
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_by_hand import hold_in_fleet
from process_control.cli.verbs.hold_screen import IN_A_PIPE, print_done


@verb(
    "hold",
    epilog=f"{JOBS_HELP} {IN_A_PIPE} Exit code 0: the jobs are on hold. A current run continues: `stop` ends it.",
)
@changes_jobs
@click.option("--fleet", "in_fleet", is_flag=True, help="In the whole fleet: no planned run on any host.")
def hold(
    session: Session,
    jobs: Sequence[str],
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Hold jobs: no scheduled run until somebody releases them. Takes effect at once, also during a run."""
    if in_fleet:
        return hold_in_fleet(session, jobs, note=note, yes=yes, dry_run=dry_run, as_json=as_json)
    actor = become_whoever_may(session, "hold")
    chosen = choose_and_agree("hold", actor.settings, jobs, yes=yes, dry_run=dry_run, as_json=as_json)
    if not chosen:
        return 0
    done = action.hold(actor, chosen, note=note)
    print_done(done, as_json=as_json)
    talk_of_live_runs(done)
    return 0


def talk_of_live_runs(done: Sequence[action.Done]) -> None:
    """Say which runs the hold has left alone."""
    for each in done:
        if each.live_run is not None:
            talk(f"{each.slug}: run {each.live_run} continues; to stop it: process-control stop {each.slug}")
