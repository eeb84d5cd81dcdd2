"""Webhooks as a channel: JSON by POST, signed, each try under the same key."""

import time
from typing import Any

from process_control.core.job import Job
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer
from process_control.notify.channels.address import secret_in
from process_control.notify.channels.http_request import DEADLINE_SECONDS, answer_of, request
from process_control.notify.channels.receiver_channel import ReceiverChannel
from process_control.notify.channels.webhook.signature import HEADER, signature


class WebhookChannel(ReceiverChannel):
    """`https://…`, and `http://` to this host."""

    kind = "webhook"

    def __init__(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__()
        self._seconds = deadline_seconds

    def hand_over(self, content: dict[str, Any], url: str, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Post it, signed with the key that the file has now."""
        body = str(content.get("body")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(content.get("id"))}
        secrets: list[str] = []
        if recipient.key_file is not None:
            secrets = [secret_in(recipient.key_file, what="key file")]
            key = secrets[0].encode("utf-8", "surrogateescape")
            headers[HEADER] = signature(body, key=key, at=int(time.time()))
        is_plain = url.lower().startswith("http:")
        reply = request(url, body=body, headers=headers, only_loopback=is_plain, seconds=self._seconds)
        return answer_of(reply, who=recipient.key, url=url, secrets=secrets)
