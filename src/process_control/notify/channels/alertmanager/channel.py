"""Alertmanager as a channel."""

import json
import os
import time
from collections.abc import Iterable
from typing import Any

from process_control.core.incident import Incident
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Contents, Later, Taken
from process_control.notify.channels.address import Unusable, shown_recipient, url_of
from process_control.notify.channels.alertmanager.alert import alert_of, with_end
from process_control.notify.channels.entry import content_of, entry_of
from process_control.notify.channels.http_request import answer_of, request
from process_control.notify.spool import Entry

_PREFIX = "alertmanager+"
_PATH = "/api/v2/alerts"


class AlertmanagerChannel:
    """`alertmanager+http://host:9093`, `alertmanager+https://…`."""

    kind = "alertmanager"
    messages = "alerts"

    def __init__(self) -> None:
        #: Why it does not answer in this round; "" while it does.
        self._broken: dict[str, str] = {}

    def compose(
        self,
        notice: Notice,
        contents: Contents,
        recipient: Recipient,
        job: Job | None,  # noqa: ARG002  part of the contract
    ) -> Entry | None:
        """Return the alert."""
        return entry_of(notice, contents, recipient)

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Post it; an open one counts for a few minutes, until `keep_alive` sends it again."""
        who = shown_recipient(recipient)
        if who in self._broken:
            return Later((who,), self._broken[who])
        answer = _post([content_of(entry).get("alert") or {}], recipient)
        if isinstance(answer, Later):
            self._broken[who] = answer.why
        return answer


def keep_alive(incidents: Iterable[Incident], recipient: Recipient) -> Answer:
    """Send the open incidents again, so that their alerts last until the next look."""
    host = os.uname().nodename
    alerts = [alert_of(incident, host=host) for incident in incidents if incident.is_open]
    return _post(alerts, recipient) if alerts else Taken()


def _post(alerts: list[dict[str, Any]], recipient: Recipient) -> Answer:
    who = shown_recipient(recipient)
    now = time.time()
    body = json.dumps([with_end(alert, now=now) for alert in alerts]).encode()
    try:
        url = _alerts_url(url_of(recipient))
        reply = request(url, body=body, headers={"Content-Type": "application/json"})
    except Unusable as error:
        return Later((who,), error.why)
    return answer_of(reply, who=who, url=url, secrets=[])


def _alerts_url(url: str) -> str:
    """Return where alerts are posted; what stands before may have a path of its own (`--web.route-prefix`)."""
    base, question, query = url.removeprefix(_PREFIX).partition("?")
    base = base.rstrip("/")
    return f"{base if base.endswith(_PATH) else base + _PATH}{question}{query}"
