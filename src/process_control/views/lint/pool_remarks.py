"""The warning about pools of the configuration that no job is in."""

from collections.abc import Sequence

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.errors import Fault
from process_control.views.lint.finding import POOL, Finding


def unused_pools(jobs: Sequence[Job | InvalidJob], settings: Settings) -> list[Finding]:
    """Return a warning for each pool that no job names; none while a job is invalid, for it may be in any."""
    if settings.path is None or any(isinstance(job, InvalidJob) for job in jobs):
        return []
    used = {job.pool for job in jobs if isinstance(job, Job)}
    return [
        Finding(
            path=settings.path,
            kind=POOL,
            fault=Fault(
                f"no job is in pool '{name}'",
                where=settings.path,
                hint=f"write pool: {name} in the jobs that it limits, or remove it from 'pools'",
            ),
        )
        for name in sorted(settings.pools.keys() - used)
    ]
