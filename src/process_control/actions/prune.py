"""Remove what has had its time: logs, days of the journal; which runs are alive is looked at here."""

from process_control.config.settings import Settings
from process_control.history.retention import Pruned, apply_retention
from process_control.state.all_jobs import live_blocks


def prune(settings: Settings, *, dry_run: bool = False) -> Pruned:
    """Return what was removed and compressed, or in a dry run would be, and the faults of what could not."""
    return apply_retention(settings, dry_run, live_blocks=live_blocks)
