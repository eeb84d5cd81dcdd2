"""The configuration, read again while the scheduler runs: as each run reads it, so that both do the same."""

import os

from process_control.config.settings import Settings, load_settings
from process_control.scheduler.output import say

#: What a process cannot change while it runs: its account, and the files that it has open.
FIXED = ("user", "read_group", "state_directory", "run_directory", "output_directory")


def take_over_the_configuration(settings: Settings) -> None:
    """Give `settings`, which all parts of the scheduler share, the values that its file has now.

    Raises BadConfiguration (78), NotPermitted (77): the values stay as they are then, and runs are refused.
    """
    if settings.path is None:
        return
    new = load_settings(settings.path, dict(os.environb))
    fixed = [name for name in FIXED if getattr(new, name) != getattr(settings, name)]
    for name in Settings.__slots__:
        if name not in (*FIXED, "path", "default_path", "syslog_hangs"):
            setattr(settings, name, getattr(new, name))
    if fixed:
        say(f"{', '.join(fixed)} changed: that is read by a new start only (hint: restart the scheduler)")
