"""`run`, `stop` with --fleet: the same verbs, for whatever host of the fleet runs the job."""

import os
from collections.abc import Sequence

from process_control.actions.rights import who
from process_control.actions.stop import Stopped
from process_control.cli.chosen import agree, print_dry_run
from process_control.cli.fleet_library import require_the_library
from process_control.cli.session import Session
from process_control.cli.verbs.run_screen import print_started
from process_control.config.settings import Settings
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.job import Job
from process_control.errors import FINE, BadConfiguration
from process_control.views.selected_jobs import select_jobs


def run_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool, force: bool
) -> int:
    """Start jobs on hosts of the fleet; return the exit code of `run`."""
    require_the_library()
    by = who(dict(os.environb))
    settings = session.settings("run --fleet", may_read=False)
    jobs = _chosen(settings, words)
    slugs = [job.slug for job in jobs]
    if dry_run and as_json:
        return print_dry_run("run", slugs)
    if not agree("run", slugs, yes=yes, dry_run=dry_run):
        return FINE
    from process_control.fleet.by_hand import start

    return print_started(start(settings, jobs, by=by, note=note, force=force), as_json=as_json)


def stop_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool
) -> list[Stopped] | int:
    """Stop jobs on hosts of the fleet; return what came of it, or the exit code when nothing was tried."""
    require_the_library()
    by = who(dict(os.environb))
    settings = session.settings("stop --fleet", may_read=False)
    jobs = _chosen(settings, words)
    slugs = [job.slug for job in jobs]
    if dry_run and as_json:
        return print_dry_run("stop", slugs)
    if not agree("stop", slugs, yes=yes, dry_run=dry_run):
        return FINE
    from process_control.fleet.by_hand import stop

    return stop(settings, jobs, by=by, note=note)


def _chosen(settings: Settings, words: Sequence[str]) -> list[Job]:
    """Return the jobs that the words name. Raises BadConfiguration (78) for one that does not belong to the fleet."""
    found = [job for job in select_jobs(settings, words) if isinstance(job, Job)]
    for job in found:
        if not belongs_to_fleet(job.run_on, settings.fleet_address):
            why = "the configuration has no fleet.address" if settings.fleet_address is None else "it has run_on: local"
            raise BadConfiguration(f"does not belong to the fleet: {why}", where=job.slug)
    return found
