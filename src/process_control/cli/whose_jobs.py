"""Whose jobs a configuration means: with a file of root that sets no directories everybody sees their own jobs."""

import os

from process_control.cli.print.output import talk
from process_control.config.settings import Settings


def warn_of_own_jobs(settings: Settings) -> None:
    """Print to stderr when the named configuration is another account's, but the jobs shown are the caller's own."""
    if settings.default_path or settings.path is None or os.geteuid() == 0 or settings.user is not None:
        return
    known = settings.search.configurations.get(settings.path)
    try:
        is_own = os.stat(settings.path).st_uid == os.geteuid()
    except OSError:
        return
    if is_own or known is None or known[1].get("job_directory"):
        return
    talk(
        f"{settings.path} names no job_directory: these are your own jobs, in {settings.job_directory}\n"
        "  hint: sudo shows root's jobs; or set job_directory, state_directory and read_group there"
    )
