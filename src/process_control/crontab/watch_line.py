"""The line of `watch` in the crontab, and whether anything starts it."""

import os
import re

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.measures import duration
from process_control.crontab.left_out import generated_crontab
from process_control.crontab.rules import is_comment
from process_control.views.in_charge import scheduler_in_charge

#: The command of a look, as `cron-generate` writes it.
WATCH_COMMAND = re.compile(r"(/process-control|/entry/commands\.py) watch( --config .+)?$")
#: As a start of a job finds it: looks come every minute.
MAX_LOOK_AGE_SECONDS = 300.0


def has_watch(crontab: str) -> bool:
    """Return whether a crontab starts `watch`."""
    return any(_calls_watch(line) for line in crontab.split("\n"))


def dead_watch(settings: Settings, now: float) -> list[str]:
    """Return that `watch` does not look any more although it should, in words; empty when all is well."""
    try:
        looked_at = os.stat(layout.watch_note(settings.state_directory)).st_mtime
    except OSError:
        return []
    if now - looked_at <= MAX_LOOK_AGE_SECONDS:
        return []
    charge = scheduler_in_charge(settings.state_directory)
    if not (charge is not None and charge.is_alive) and not has_watch(generated_crontab(settings)):
        return []
    return [f"watch has not looked for {duration(now - looked_at)}, and should every minute: process-control doctor"]


def _calls_watch(line: str) -> bool:
    return not is_comment(line) and WATCH_COMMAND.search(line.rstrip()) is not None
