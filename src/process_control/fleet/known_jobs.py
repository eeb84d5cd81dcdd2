"""Which jobs the fleet has, whatever the files of this host say."""

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.fleet.everywhere import runs_jobs
from process_control.core.fleet.lock_state import LockState
from process_control.fleet.ask import asked
from process_control.fleet.look import states


def known_jobs(settings: Settings) -> set[str]:
    """Return the slugs of all jobs that the fleet has, and of those it has forgotten whose run is in progress."""

    async def ask(client: Client) -> set[str]:
        return {slug for state in await states(client, settings) for slug in _jobs_of(state)}

    return asked(settings, ask)


async def locks_that_know(client: Client, settings: Settings, slug: str, *, template: bool) -> list[str]:
    """Return the locks that have a job, or its run in progress; `template`: that for hosts to come, too."""
    found = await states(client, settings, only=lambda lock: template or runs_jobs(lock))
    return [state.lock for state in found if slug in _jobs_of(state)]


def _jobs_of(state: LockState) -> set[str]:
    return {*state.jobs, *([] if state.running is None else [state.running.job])}
