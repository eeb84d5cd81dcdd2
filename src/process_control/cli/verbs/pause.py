"""`pause`: a hold that ends by itself."""

from collections.abc import Sequence

import click

from process_control.cli.chosen import changes_jobs
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.hold import hold_jobs, seconds_of_pause
from process_control.cli.verbs.hold_screen import IN_A_PIPE


@verb("pause", epilog=f"{JOBS_HELP} {IN_A_PIPE} A pause never shortens a hold that has no end.")
@click.option("--for", "time_word", metavar="TIME", required=True, help="How long: 90s, 10m, 2h, 1d.")
@changes_jobs
@click.option("--fleet", "in_fleet", is_flag=True, help="In the whole fleet: no planned run on any host.")
def pause(
    session: Session,
    jobs: Sequence[str],
    time_word: str,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Hold jobs for a limited time."""
    return hold_jobs(
        session,
        "pause",
        jobs,
        seconds=seconds_of_pause(time_word),
        note=note,
        yes=yes,
        dry_run=dry_run,
        as_json=as_json,
        in_fleet=in_fleet,
    )
