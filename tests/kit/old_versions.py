"""Jobs that have been as they are for long: their versions recorded as somebody would have who saw them then."""

import os
import time
from pathlib import Path

from process_control.config.all_jobs import load_all
from process_control.config.settings import load_settings
from process_control.state.job_versions import record_versions

DAY_SECONDS = 86400


def seen_days_ago(configuration: Path | None, *slugs: str, days: float = 2) -> None:
    """Record the present versions of these jobs (all without a name), and when they were seen first.

    What is written belongs to the owner of the state directory.
    """
    if configuration is None:
        raise ValueError("this box has no configuration")
    settings = load_settings(str(configuration), dict(os.environb))
    jobs = [job for job in load_all(settings) if not slugs or job.slug in slugs]
    state = Path(settings.state_directory)
    state.mkdir(mode=0o700, exist_ok=True)
    (state / "journal").mkdir(mode=0o700, exist_ok=True)
    then = time.time() - days * DAY_SECONDS
    records = record_versions(settings, jobs, {}, by="tests", now=then)
    if len(records) != len(jobs):
        raise AssertionError(f"recorded {records}")
    owner = state.stat()
    for path in [*state.glob("versions"), *state.glob("versions/*"), *state.glob("journal"), *state.glob("journal/*")]:
        os.chown(path, owner.st_uid, owner.st_gid)
