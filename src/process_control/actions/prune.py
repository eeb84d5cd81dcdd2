"""Delete logs, closed incidents and days of the journal beyond the retention settings; nothing of current runs."""

import time
from contextlib import suppress
from functools import partial

from process_control.config.job_directory import slugs
from process_control.config.settings import Settings
from process_control.errors import ProcessControlError
from process_control.history.retention import Pruned, apply_retention
from process_control.state.ad_hoc import remove_expired
from process_control.state.all_jobs import live_blocks
from process_control.state.incident_store import Store
from process_control.state.past_runs import open_index
from process_control.state.totals import may_change, read_run_totals
from process_control.system.clock import DAY_SECONDS

#: So long a process is waited for that reads the metrics.
LOCK_SECONDS = 10.0


def prune(settings: Settings, *, dry_run: bool = False) -> Pruned:
    """Delete and compress, or in a dry run only look; return what was done (or would be), and what failed."""
    now = time.time()
    pruned = apply_retention(
        settings, dry_run, live_blocks=live_blocks, now=now, before_days_go=partial(_count, settings, now=now)
    )
    if not dry_run and not pruned.is_running_elsewhere:
        Store(settings.state_directory).forget_closed(days=settings.retention_days)
        pruned.faults += _forget_commands(settings, now - settings.retention_days * DAY_SECONDS)
    return pruned


def _count(settings: Settings, days: list[str], *, now: float) -> None:
    """Keep what the metrics have to know of days that are about to be removed, if anybody ever read metrics."""
    if read_run_totals(settings.state_directory) is None:
        return
    from process_control.config.all_jobs import load_all
    from process_control.views.slots import Ledger
    from process_control.views.totals import count_runs, count_slots

    with suppress(ProcessControlError):  # history goes, whatever the metrics lose
        jobs = load_all(settings)
        slugs = [job.slug for job in jobs]
        with (
            may_change(settings.run_directory, seconds=LOCK_SECONDS) as keep,
            open_index(settings.state_directory) as index,
        ):
            count_runs(settings, index, slugs, now=now, keep=keep, going=days)
            count_slots(settings, Ledger(settings, jobs, index, now=now), slugs, keep=keep)


def _forget_commands(settings: Settings, oldest: float) -> list[str]:
    """Remove what is left of commands that `exec` ran; return what could not be removed."""
    try:
        jobs = slugs(settings)
    except ProcessControlError:  # what has become a job is not known
        return []
    running = {str(block.get("job")) for block in live_blocks(settings.state_directory)}
    return remove_expired(settings, jobs=jobs, running=running, oldest=oldest)
