"""Delete logs and days of the journal beyond the retention settings, but nothing of runs that are alive."""

import time

from process_control.config.job_directory import slugs
from process_control.config.settings import Settings
from process_control.errors import ProcessControlError
from process_control.history.retention import Pruned, apply_retention
from process_control.state.ad_hoc import remove_expired
from process_control.state.all_jobs import live_blocks
from process_control.system.clock import DAY_SECONDS


def prune(settings: Settings, *, dry_run: bool = False) -> Pruned:
    """Delete and compress, or in a dry run only look; return what was done (or would be), and what failed."""
    now = time.time()
    pruned = apply_retention(settings, dry_run, live_blocks=live_blocks, now=now)
    if not dry_run and not pruned.is_running_elsewhere:
        pruned.faults += _forget_commands(settings, now - settings.retention_days * DAY_SECONDS)
    return pruned


def _forget_commands(settings: Settings, oldest: float) -> list[str]:
    """Remove what is left of commands that `exec` ran; return what could not be removed."""
    try:
        jobs = slugs(settings)
    except ProcessControlError:  # what has become a job is not known
        return []
    running = {str(block.get("job")) for block in live_blocks(settings.state_directory)}
    return remove_expired(settings, jobs=jobs, running=running, oldest=oldest)
