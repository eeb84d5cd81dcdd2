"""Jobs as their files are now, for messages: a file that cannot be read keeps none back."""

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job, is_slug
from process_control.errors import ProcessControlError


def job_as_it_is(slug: str, settings: Settings) -> Job | None:
    """Return the job by its file now; None when that cannot be read."""
    try:
        return load_job(slug, settings) if is_slug(slug) else None
    except ProcessControlError:
        return None
