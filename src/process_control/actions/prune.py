"""Delete logs and days of the journal beyond the retention settings, but nothing of runs that are alive."""

from process_control.config.settings import Settings
from process_control.history.retention import Pruned, apply_retention
from process_control.state.all_jobs import live_blocks


def prune(settings: Settings, *, dry_run: bool = False) -> Pruned:
    """Delete and compress; return what was done and what failed. `dry_run`: return what would be done."""
    return apply_retention(settings, dry_run, live_blocks=live_blocks)
