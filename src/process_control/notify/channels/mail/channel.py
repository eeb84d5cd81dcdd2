"""Mail as a channel: the failmail of a job, composed once, kept whole in the queue, sent as it is."""

import os
from datetime import UTC, datetime

from process_control.config.failmail import Failmail, failmail_of
from process_control.config.settings import Settings
from process_control.core.first_incident import MessageKind
from process_control.core.job import Job
from process_control.notify.channel import Answer, Later, Message, Taken, recipients_of
from process_control.notify.channels.mail.contents import failure_mail, recovery_mail, refusal_mail
from process_control.notify.channels.mail.send import Undelivered, message_of, send
from process_control.notify.channels.mail.way import sender_of, way_of
from process_control.notify.spool import Entry

_COMPOSE = {
    MessageKind.FAILURE: failure_mail,
    MessageKind.REFUSAL: refusal_mail,
    MessageKind.RECOVERY: recovery_mail,
}


class MailChannel:
    """Mail, by whatever way each job's failmail names."""

    name = "mail"
    messages = "mails"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: Ways that were found broken in this round, and why: not tried again for each mail.
        self._broken_ways: dict[str, str] = {}

    def compose(self, message: Message) -> Entry | None:
        """Return sender, recipients and the whole mail; None when nobody is to be mailed about the job."""
        failmail = failmail_of(message.job, self._settings)
        if failmail is None:
            return None
        host, answers = message.host, message.answers
        sender = sender_of(failmail)
        mail = message_of(
            _COMPOSE[message.kind](
                message.event, job=message.job, settings=self._settings, incident=message.incident, host=host
            ),
            sender=sender,
            recipients=failmail.to_addresses,
            message_id=_message_id(message.id, host),
            answers=_message_id(answers, host) if answers is not None else None,
            at=datetime.now(UTC),
        )
        return {"sender": sender, "recipients": list(failmail.to_addresses), "message": mail.decode("ascii")}

    def deliver(self, entry: Entry, *, job: Job | None) -> Answer:
        """Send the mail by the way that the job's failmail names now."""
        recipients = recipients_of(entry)
        try:
            way = way_of(failmail_of(job, self._settings) or Failmail(to_addresses=recipients))
        except Undelivered as error:  # it names all recipients of the job: some may have the mail already
            return Later(recipients, error.why)
        if repr(way) in self._broken_ways:
            return Later(recipients, self._broken_ways[repr(way)])
        try:
            send(
                str(entry.get("message")).encode("ascii", "replace"),
                sender=str(entry.get("sender")),
                recipients=recipients,
                way=way,
            )
        except Undelivered as error:
            if error.others_too:
                self._broken_ways[repr(way)] = error.why
            return Later(error.recipients, error.why)
        return Taken()

    def record_of(self, entry: Entry, *, at: str, result: str, why: str | None) -> dict[str, object]:
        """Return the record of the event `mail`."""
        record: dict[str, object] = {
            "event": "mail",
            "at": at,
            "job": entry.get("job"),
            "letter": entry.get("letter"),
            "result": result,
            "to": ", ".join(recipients_of(entry)),
            "detail": why,
            "host": os.uname().nodename,
        }
        if entry.get("letter") != MessageKind.REFUSAL:
            record["run_id"] = entry.get("key")
        return record


def _message_id(word: str, host: str) -> str:
    domain = "".join(char if char.isalnum() or char in "-." else "-" for char in host).strip("-.") or "localhost"
    return f"<{word}.process-control@{domain}>"
