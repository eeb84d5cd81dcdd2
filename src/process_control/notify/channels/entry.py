"""What the queues of all channels but mail keep of a message: made once, so that each try sends the same."""

import json
from typing import Any

from process_control.core.notice import Notice
from process_control.history.index.past_run import NAMES
from process_control.notify.channel import Contents
from process_control.notify.channels.alertmanager.alert import alert_of
from process_control.notify.incident_json import incident_json
from process_control.notify.spool import Entry

#: Of the JSON that webhooks and programs get.
BODY_VERSION = 1


def entry_of(notice: Notice, contents: Contents) -> Entry:
    """Return the content to keep. It has the same form for each channel: only the URL's file may know the channel."""
    return {
        "content": {
            "id": notice.id,
            "event": str(notice.event),
            "incident": notice.incident.id,
            "subject": contents.subject,
            "short": contents.short,
            "text": contents.text,
            "body": _as_json(body_of(notice, contents)),
            "alert": alert_of(notice.incident, host=notice.host),
        },
    }


def content_of(entry: Entry) -> dict[str, Any]:
    """Return the content that `entry_of` made."""
    content = entry.get("content")
    return content if isinstance(content, dict) else {}


def body_of(notice: Notice, contents: Contents) -> dict[str, Any]:
    """Return what webhooks and programs get."""
    return {
        "version": BODY_VERSION,
        "event": str(notice.event),
        "incident": incident_json(notice.incident, silenced_until=None),
        "run": _run(notice.posted.get("end")),
        "host": notice.host,
        "text": contents.text,
    }


def _run(end: object) -> dict[str, object] | None:
    """Return the record of a run's end with the keys of every `--json` answer; None without one."""
    if not isinstance(end, dict):
        return None
    run = {name: end.get(name) for name in NAMES}
    return run | {"attempts": run["attempts"] or [], "slow_start": bool(run["slow_start"])}


def _as_json(body: dict[str, Any]) -> str:
    """Return JSON that every reader takes: bytes that were not UTF-8 are replaced."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
