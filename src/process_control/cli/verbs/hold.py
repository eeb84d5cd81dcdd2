"""`hold`: prevent the scheduled runs of jobs."""

from collections.abc import Sequence

import click

from process_control.actions import hold as action
from process_control.actions.pause import pause
from process_control.cli.chosen import become_whoever_may, changes_jobs, choose_and_agree
from process_control.cli.print.output import talk
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_by_hand import hold_in_fleet
from process_control.cli.verbs.hold_screen import IN_A_PIPE, print_done
from process_control.config.keys.number_kinds import seconds_of
from process_control.errors import UsageError


@verb(
    "hold",
    epilog=f"{JOBS_HELP} {IN_A_PIPE} Exit code 0: the jobs are on hold. A current run continues: `stop` ends it.",
)
@click.option("--for", "time_word", metavar="TIME", help="The hold ends by itself, as of `pause`: 90s, 10m, 2h, 1d.")
@changes_jobs
@click.option("--fleet", "in_fleet", is_flag=True, help="In the whole fleet: no planned run on any host.")
def hold(
    session: Session,
    jobs: Sequence[str],
    time_word: str | None,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Hold jobs: no scheduled run until somebody releases them. Takes effect at once, also during a run."""
    return hold_jobs(
        session,
        "hold",
        jobs,
        seconds=None if time_word is None else seconds_of_pause(time_word),
        note=note,
        yes=yes,
        dry_run=dry_run,
        as_json=as_json,
        in_fleet=in_fleet,
    )


def seconds_of_pause(time_word: str) -> float:
    """Return the length of a pause. Raises UsageError (2)."""
    seconds = seconds_of(time_word)
    if not seconds:
        raise UsageError(f"--for {time_word}: not a time above 0", hint="90s, 10m, 2h, 1d")
    return seconds


def hold_jobs(
    session: Session,
    verb: str,
    words: Sequence[str],
    *,
    seconds: float | None,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Hold the jobs that the words name, here or in the fleet; return the exit code. `seconds`: for so long only."""
    if in_fleet:
        return hold_in_fleet(
            session, verb, words, seconds=seconds, note=note, yes=yes, dry_run=dry_run, as_json=as_json
        )
    actor = become_whoever_may(session, verb)
    chosen = choose_and_agree(verb, actor.settings, words, yes=yes, dry_run=dry_run, as_json=as_json)
    if not chosen:
        return 0
    if seconds is None:
        done = action.hold(actor, chosen, note=note)
    else:
        done = pause(actor, chosen, seconds=seconds, note=note)
    print_done(done, as_json=as_json)
    talk_of_live_runs(done)
    return 0


def talk_of_live_runs(done: Sequence[action.Done]) -> None:
    """Say which runs the hold has left alone."""
    for each in done:
        if each.live_run is not None:
            talk(f"{each.slug}: run {each.live_run} continues; to stop it: process-control stop {each.slug}")
