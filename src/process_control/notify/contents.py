"""What a message says, for every channel: subject, text, HTML and a short form."""

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.notify.channel import Contents
from process_control.notify.wording.compose import letter_of
from process_control.notify.wording.known import Subject
from process_control.notify.wording.page import as_page
from process_control.notify.wording.short import as_short
from process_control.notify.wording.text import as_text


def contents_of(notice: Notice, job: Job | None, settings: Settings) -> Contents:
    """Return the message in words. `job` is that of the last trouble (None: its file cannot be read). Never raises."""
    letter = letter_of(Subject(notice, job, settings))
    return Contents(subject=letter.subject, text=as_text(letter), html=as_page(letter), short=as_short(letter))
