"""Alertmanager as a channel."""

import json
import os
import time
from collections.abc import Iterable
from typing import Any

from process_control.core.incident import Incident
from process_control.core.job import Job
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.address import Unusable, url_of
from process_control.notify.channels.alertmanager.alert import alert_of, with_end
from process_control.notify.channels.http_request import answer_of, request
from process_control.notify.channels.receiver_channel import ReceiverChannel

_PREFIX = "alertmanager+"
_PATH = "/api/v2/alerts"


class AlertmanagerChannel(ReceiverChannel):
    """`alertmanager+http://host:9093`, `alertmanager+https://…`."""

    kind = "alertmanager"

    def hand_over(self, content: dict[str, Any], url: str, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Post the alert; an open one counts for a few minutes, until `keep_alive` sends it again."""
        return _post([content.get("alert") or {}], url, recipient)


def keep_alive(incidents: Iterable[Incident], recipient: Recipient) -> Answer:
    """Send the open incidents again, so that their alerts last until the next look."""
    host = os.uname().nodename
    alerts = [alert_of(incident, host=host) for incident in incidents if incident.is_open]
    try:
        return _post(alerts, url_of(recipient), recipient) if alerts else Taken()
    except Unusable as error:
        return Later((recipient.key,), error.why)


def _post(alerts: list[dict[str, Any]], url: str, recipient: Recipient) -> Answer:
    now = time.time()
    body = json.dumps([with_end(alert, now=now) for alert in alerts]).encode()
    url = _alerts_url(url)
    reply = request(url, body=body, headers={"Content-Type": "application/json"})
    return answer_of(reply, who=recipient.key, url=url, secrets=[])


def _alerts_url(url: str) -> str:
    """Return where alerts are posted; what stands before may have a path of its own (`--web.route-prefix`)."""
    base, question, query = url.removeprefix(_PREFIX).partition("?")
    base = base.rstrip("/")
    return f"{base if base.endswith(_PATH) else base + _PATH}{question}{query}"
