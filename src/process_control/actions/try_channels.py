"""Tries whether people can be reached: a message to each recipient, by the channel that real ones take."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from process_control.config.failmail import way_of_mail
from process_control.config.recipients import everybody, recipients_of
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.incident import Incident, State
from process_control.core.job import Job
from process_control.core.notice import Notice, NoticeEvent
from process_control.core.part_of_incident import Part
from process_control.core.recipient import MAIL, Recipient
from process_control.errors import BadConfiguration
from process_control.notify.channel import Channel, Contents, Taken
from process_control.notify.channels.configured import channel_for
from process_control.notify.channels.mail.channel import addresses_of
from process_control.notify.channels.mail.send import Undelivered
from process_control.notify.channels.mail.way import way_of
from process_control.system.clock import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One recipient, how it is reached, and what came of a message to it. What may be secret is not in it."""

    channel: str
    #: Addresses, or a URL of which only the harmless part is shown.
    to: tuple[str, ...]
    #: Of mail, the server or program that it is handed to; "" for others, whose URL says it.
    by: str
    #: None: it was not tried.
    taken: bool | None = None
    #: What the receiver answered.
    answer: str = ""
    #: Why it was not taken, in one line.
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it with the keys of the `--json` answer."""
        return {
            "channel": self.channel,
            "to": list(self.to),
            "by": self.by,
            "taken": self.taken,
            "why": self.why,
            "answer": self.answer or None,
        }


def recipients_to_try(job: Job | None, settings: Settings) -> Sequence[Recipient]:
    """Return who gets messages about `job`; without one, everybody whom the configuration names. Raises when nobody."""
    recipients = everybody(settings) if job is None else recipients_of(job, settings)
    if recipients:
        return recipients
    raise BadConfiguration(
        "nobody is configured to get messages",
        where=(job.path if job is not None else settings.path) or "",
        hint="add: failmail: {to_address: ops@example.org}; for other channels: process-control explain notify",
    )


class Trial:
    """Sends one test message to each recipient. It is the end of an incident, so that no pager rings for long."""

    def __init__(self, job: Job | None, settings: Settings) -> None:
        self._job = job
        self._settings = settings
        self._host = os.uname().nodename
        self._at = datetime.now(UTC)
        self._channels: dict[str, Channel] = {}
        self._number = 0

    def before(self, recipient: Recipient) -> Try:
        """Return how a recipient is reached."""
        if recipient.scheme != MAIL:
            return Try(channel=self._channel(recipient).kind, to=(recipient.shown,), by="")
        to = addresses_of(recipient)
        try:
            by = way_of(replace(way_of_mail(self._job, self._settings), to_addresses=to)).in_words
        except Undelivered:  # sending says why
            by = ""
        return Try(channel=self._channel(recipient).kind, to=to, by=by)

    def send(self, recipient: Recipient) -> Try:
        """Send a message, within the deadline of the channel."""
        before, channel = self.before(recipient), self._channel(recipient)
        self._number += 1
        entry = channel.compose(self._notice(self._number), self._contents(), recipient, self._job)
        if entry is None:
            return replace(before, taken=False, why="it gets no messages")
        answer = channel.deliver({"recipients": [recipient.key], **entry}, recipient=recipient, job=self._job)
        if isinstance(answer, Taken):
            return replace(before, taken=True, answer=answer.answer)
        return replace(before, taken=False, why=answer.why)

    def _channel(self, recipient: Recipient) -> Channel:
        if recipient.key not in self._channels:
            self._channels[recipient.key] = channel_for(recipient, self._settings)
        return self._channels[recipient.key]

    def _contents(self) -> Contents:
        about = "any job" if self._job is None else self._job.slug
        text = f"A test of the messages about {about}, sent by `process-control notify test`"
        return Contents(
            subject=f"{self._host}: process-control can reach you", text=f"{text}\n", html=f"<p>{text}</p>", short=text
        )

    def _notice(self, number: int) -> Notice:
        at = iso(self._at.timestamp())
        slug = self._job.slug if self._job is not None else None
        incident = Incident(
            id=f"test~{self._at:%Y%m%dT%H%M%S%fZ}.{self._host}",
            cause=Cause.FAILED,
            state=State.CLOSED,
            since=at,
            opened_at=at,
            closed_at=at,
            closed_by="it was a test",
            parts={slug: Part(since=at, is_over=True)} if slug is not None else {},
            sentence="a test of process-control notify test",
            last_at=at,
        )
        return Notice(
            id=f"{incident.id}.closed.{number}",
            event=NoticeEvent.CLOSED,
            at=at,
            incident=incident,
            jobs=(slug,) if slug is not None else (),
            posted={},
            host=self._host,
        )
