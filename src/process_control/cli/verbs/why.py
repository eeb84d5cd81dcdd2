"""`why`: why a job does not run now, or did not run at a time."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.cli.history_index import open_index
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.session import Session, verb
from process_control.cli.verbs.fleet_past import why_in_fleet
from process_control.config.all_jobs import load_all
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.crontab.condition import blockers_of_the_trigger
from process_control.errors import UsageError
from process_control.views.asked_time import Asked, asked_time
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Ledger
from process_control.views.time_words import LocalZone
from process_control.views.why import Asker, Why


@verb(
    "why",
    epilog=(
        "Without TIME: all reasons at once, then what became of the last planned time. With TIME (12h, 02:30, "
        "yesterday, 2026-03-01, 2026-03-01T02:30): the planned time at or before it; of a day the last one."
    ),
)
@click.argument("job", metavar="JOB")
@click.argument("time", required=False, metavar="[TIME]")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "job", "now", "slot", "sentences"}')
@click.option("--fleet", "in_fleet", is_flag=True, help="Of a job of the fleet: who waits for what, and on which host.")
@paged
@looks_at_hosts(jobs="job")
def why(session: Session, job: str, time: str | None, as_json: bool, in_fleet: bool) -> None:
    """Show why JOB does not run now, or did not run at TIME, and what to do about it."""
    now = datetime.now(UTC)
    asked = None if time is None else asked_time(time, now)
    option = f"--config {shlex.quote(session.config)}" if session.config is not None else ""
    answer = why_in_fleet(session, job, asked) if in_fleet else _of_this_host(session, job, asked, now)
    if as_json:
        print_json(answer.to_json(option))
        return
    from process_control.cli.verbs.why_screen import show_why

    show_why(answer, now, option)


def _of_this_host(session: Session, job: str, asked: Asked | None, now: datetime) -> Why:
    settings = session.settings("why")
    schedules = KnownSchedules(settings, now)
    with open_index(settings.state_directory) as index:
        jobs = load_all(settings)
        ledger = Ledger(settings, jobs, index, now=now.timestamp())
        slug = _slug(settings, job, jobs, [*ledger.known_jobs, *index.jobs()])
        asker = Asker(slug, jobs, settings, index, ledger, schedules, LocalZone())
        return asker.answer(asked, blockers_of_the_trigger(settings, jobs, asker.status) if asked is None else ())


def _slug(settings: Settings, word: str, jobs: Sequence[Job | InvalidJob], known: Sequence[str]) -> str:
    """Return the one job that the word names, of the past too. Raises JobNotFound (66), UsageError (2) for several."""
    found = select_known(settings, [word], jobs, known)
    if len(found) > 1:
        raise UsageError(f"'{word}' names {len(found)} jobs", hint=f"one of: {', '.join(found[:8])}")
    return found[0]
