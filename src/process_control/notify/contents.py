"""What a message says, for every channel: subject, text, HTML and a short form."""

from datetime import tzinfo

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.notify.channel import Contents
from process_control.notify.wording.commands import MAX_NAMED
from process_control.notify.wording.compose import letter_of
from process_control.notify.wording.known import Subject, known
from process_control.notify.wording.letter import Letter
from process_control.notify.wording.page import as_page
from process_control.notify.wording.short import as_short
from process_control.notify.wording.text import as_text


def contents_of(notice: Notice, job: Job | None, settings: Settings, *, zone: tzinfo | None = None) -> Contents:
    """Return the message in words. Never raises: what cannot be found is left out.

    `job` is the only job of the notice; None: there are several, or its file is read now. Times are in `zone`, else in
    that of the host.
    """
    whole = known(lambda: _rendered(letter_of(Subject(notice, job, settings, zone=zone))), None)
    return whole if whole is not None else _rendered(_bare(notice))


def _rendered(letter: Letter) -> Contents:
    return Contents(subject=letter.subject, text=as_text(letter), html=as_page(letter), short=as_short(letter))


def _bare(notice: Notice) -> Letter:
    """Return what can be written whatever is wrong with the rest: somebody has to look."""
    return Letter(
        host=str(notice.host),
        about=", ".join(map(str, notice.jobs[:MAX_NAMED])) or "the host",
        verdict=f"{notice.incident.cause} ({notice.event}); no more could be found out",
        facts=(("incident", str(notice.incident.id)),),
        footer=f"process-control on {notice.host}",
    )
