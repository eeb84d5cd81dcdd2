"""Mail as a channel: composed once, kept whole in the queue, sent as it is by the way that the failmail names."""

from dataclasses import replace
from datetime import UTC, datetime

from process_control.config.failmail import Failmail, way_of_mail
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Contents, Later, Taken, recipients_of
from process_control.notify.channels.mail.send import Undelivered, message_of, send
from process_control.notify.channels.mail.way import sender_of, way_of
from process_control.notify.spool import Entry


class MailChannel:
    """Mail, by whatever way each job's failmail names."""

    kind = "mail"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: Ways that were found broken in this round, and why: not tried again for each mail.
        self._broken_ways: dict[str, str] = {}

    def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:
        """Return sender, recipients and the whole mail."""
        to = addresses_of(recipient)
        sender = sender_of(self._failmail(job, to))
        mail = message_of(
            contents,
            about=", ".join(notice.jobs) or notice.incident.cause,
            sender=sender,
            recipients=to,
            message_id=_message_id(notice.id, notice.host),
            answers=_message_id(notice.answers, notice.host) if notice.answers is not None else None,
            at=datetime.now(UTC),
        )
        return {"sender": sender, "recipients": list(to), "message": mail.decode("ascii")}

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Send the mail by the way that the job's failmail names now."""
        recipients = recipients_of(entry)
        try:
            way = way_of(self._failmail(job, recipients))
        except Undelivered as error:  # it names all recipients of the job: some may have the mail already
            return Later(recipients, error.why)
        if repr(way) in self._broken_ways:
            return Later(recipients, self._broken_ways[repr(way)])
        try:
            answer = send(
                str(entry.get("message")).encode("ascii", "replace"),
                sender=str(entry.get("sender")),
                recipients=recipients,
                way=way,
            )
        except Undelivered as error:
            if error.others_too:
                self._broken_ways[repr(way)] = error.why
            return Later(error.recipients, error.why)
        return Taken(answer)

    def _failmail(self, job: Job | None, to: tuple[str, ...]) -> Failmail:
        return replace(way_of_mail(job, self._settings), to_addresses=to)


def addresses_of(recipient: Recipient) -> tuple[str, ...]:
    """Return the addresses of a `mailto:` URL."""
    return recipient.addresses


def _message_id(word: str, host: str) -> str:
    domain = "".join(char if char.isalnum() or char in "-." else "-" for char in host).strip("-.") or "localhost"
    return f"<{word}.process-control@{domain}>"
