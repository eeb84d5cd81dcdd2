"""Checks that the health of every job can be read: else the job counts as held."""

import os

from process_control.core import layout
from process_control.core.health import Health
from process_control.core.job import is_slug
from process_control.state.all_jobs import AllJobs, health_record
from process_control.views.doctor.finding import BAD, REBUILD_HEALTH, Finding, Repair, found_or_fine, not_checked
from process_control.views.doctor.look import Look

CHECK = "health"


def check(look: Look) -> list[Finding]:
    """Return the jobs whose health file makes no sense."""
    state = look.settings.state_directory
    try:
        slugs = sorted(name for name in os.listdir(layout.jobs(state)) if is_slug(name))
    except FileNotFoundError:
        slugs = []
    except OSError as error:
        return not_checked(CHECK, f"{layout.jobs(state)}: {error.strerror}", remedy="sudo process-control doctor")
    with AllJobs(state) as all_jobs:
        found = [finding for slug in slugs if (finding := _unreadable(all_jobs, slug, state)) is not None]
    return found_or_fine(found, CHECK, f"the health of {len(slugs)} jobs can be read")


def _unreadable(all_jobs: AllJobs, slug: str, state: str) -> Finding | None:
    try:
        text = all_jobs.health(slug)
        if text is not None:
            Health.from_record(health_record(text))
    except ValueError as error:
        return Finding(
            check=CHECK,
            state=BAD,
            what=f"{slug}: {layout.health(state, slug)} cannot be read ({error}), so the job counts as held",
            remedy="process-control doctor --fix",
            repair=Repair(kind=REBUILD_HEALTH, target=slug),
        )
    return None
