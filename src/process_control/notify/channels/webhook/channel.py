"""Webhooks as a channel: JSON by POST, signed, each try under the same key."""

import time

from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Contents, Later
from process_control.notify.channels.address import Unusable, secret_in, shown_recipient, url_of
from process_control.notify.channels.entry import content_of, entry_of
from process_control.notify.channels.http_request import DEADLINE_SECONDS, answer_of, request
from process_control.notify.channels.webhook.signature import HEADER, signature
from process_control.notify.spool import Entry


class WebhookChannel:
    """`https://…`, and `http://` to this host."""

    kind = "webhook"
    messages = "webhooks"

    def __init__(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._seconds = deadline_seconds
        #: Receivers that do not answer in this round, and why: they are not waited for again for each message.
        self._broken: dict[str, str] = {}

    def compose(
        self,
        notice: Notice,
        contents: Contents,
        recipient: Recipient,
        job: Job | None,  # noqa: ARG002  part of the contract
    ) -> Entry | None:
        """Return what is posted."""
        return entry_of(notice, contents, recipient)

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Post it, signed with the key that the file has now."""
        who = shown_recipient(recipient)
        if who in self._broken:
            return Later((who,), self._broken[who])
        content = content_of(entry)
        body = str(content.get("body")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(content.get("id"))}
        secrets: list[str] = []
        try:
            url = url_of(recipient)
            if recipient.key_file is not None:
                secrets = [secret_in(recipient.key_file, what="key file")]
                key = secrets[0].encode("utf-8", "surrogateescape")
                headers[HEADER] = signature(body, key=key, at=int(time.time()))
            is_plain = url.lower().startswith("http:")
            reply = request(url, body=body, headers=headers, only_loopback=is_plain, seconds=self._seconds)
        except Unusable as error:
            self._broken[who] = error.why
            return Later((who,), error.why)
        answer = answer_of(reply, who=who, url=url, secrets=secrets)
        if reply.status == 429 or reply.status >= 500:
            self._broken[who] = answer.why if isinstance(answer, Later) else ""
        return answer
