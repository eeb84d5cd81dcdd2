"""What a message says."""

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.notify.channel import Contents


def contents_of(notice: Notice, job: Job | None, settings: Settings) -> Contents:  # noqa: ARG001
    """Return the message in words."""
    what = f"{notice.host}: {', '.join(notice.jobs)} {notice.event} {notice.incident.cause}: {notice.incident.sentence}"
    return Contents(subject=what, text=what, html=f"<p>{what}</p>", short=what)
