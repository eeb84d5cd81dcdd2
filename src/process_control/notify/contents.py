"""What a message says, for every channel: subject, text, HTML and a short form."""

from datetime import tzinfo

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.notify.channel import Contents
from process_control.notify.wording.compose import letter_of
from process_control.notify.wording.known import Subject
from process_control.notify.wording.page import as_page
from process_control.notify.wording.short import as_short
from process_control.notify.wording.text import as_text


def contents_of(notice: Notice, job: Job | None, settings: Settings, *, zone: tzinfo | None = None) -> Contents:
    """Return the message in words. Never raises: what cannot be found is left out.

    `job` is the only job of the notice; None: there are several, or its file is read now. Times are in `zone`, else in
    that of the host.
    """
    letter = letter_of(Subject(notice, job, settings, zone=zone))
    return Contents(subject=letter.subject, text=as_text(letter), html=as_page(letter), short=as_short(letter))
