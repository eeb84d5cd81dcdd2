"""Hands a message to a service by apprise. Called in a child only: the library logs, and no one can say how long it
takes.
"""

import logging
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import apprise

#: Opening and closing of an incident meet at a pager under one key since this version.
NEEDED = (2, 2)
#: Services that show a long text as a mail does; all others get the short form.
_WITH_TEXT = (
    *("mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "azure", "o365", "brevo", "mailersend"),
    *("mailgun", "postmark", "resend", "sendgrid", "sendpulse", "ses", "smtp2go", "sparkpost"),
)
#: How plugins call the key under which a pager joins messages.
_KEY_ARGUMENTS = ("dedup", "alias", "entity_id")
_ERROR = re.compile(r"error\s*=\s*(\d{3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is handed over."""

    title: str
    text: str
    short: str
    #: info, success, warning, failure.
    kind: str
    #: The key that the opening and the closing of an incident share.
    key: str


def hand_over(url: str, message: Message, *, store: str) -> dict[str, str]:
    """Return `taken`, or `why` not: never a word of the library's, which may have the URL in it."""
    if _version() < NEEDED:
        return {"why": f"apprise {apprise.__version__} is too old, 2.2 is needed"}
    seen = _Statuses()
    # Its own log shows URLs: nobody gets it.
    for name in ("apprise", "requests", "urllib3"):
        logging.getLogger(name).handlers[:] = [seen] if name == "apprise" else []
        logging.getLogger(name).propagate = False
    os.umask(0o077)
    os.makedirs(store, exist_ok=True)
    asset = apprise.AppriseAsset(
        app_id="process-control", app_desc="process-control", async_mode=False, storage_path=store, storage_mode="auto"
    )
    try:
        plugin = apprise.Apprise.instantiate(url, asset=asset)
        if plugin is not None:
            plugin = apprise.Apprise.instantiate(with_key(url, type(plugin), message.key), asset=asset)
        if plugin is None:
            return {"why": "apprise knows no such service, or its URL is incomplete"}
        text = message.text if url.partition(":")[0].lower() in _WITH_TEXT else message.short
        sender = apprise.Apprise(asset=asset)
        sender.add(plugin)
        is_taken = sender.notify(
            body=text, title=message.title, notify_type=apprise.NotifyType(message.kind), body_format="text"
        )
    except Exception as error:  # noqa: BLE001  a plugin's fault, whose text may have the URL in it
        return {"why": f"apprise failed ({type(error).__name__})"}
    if is_taken:
        return {"taken": f"{plugin.service_name} accepted"}
    status = f"it answered {seen.last}" if seen.last else "it cannot be reached, or refused the message"
    return {"why": f"{plugin.service_name}: {status}"}


def with_key(url: str, plugin: Any, key: str) -> str:
    """Return the URL with the arguments under which opening and closing meet, for services that know such.

    What the URL says itself stays.
    """
    known = plugin.template_args
    wanted = {name: key for name in _KEY_ARGUMENTS if name in known}
    if "map" in (known.get("action") or {}).get("values", ()):
        wanted["action"] = "map"
    elif not wanted:
        return url
    given = {part.partition("=")[0].lower() for part in url.partition("?")[2].split("&")}
    added = {name: value for name, value in wanted.items() if name not in given}
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(added)}"


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", apprise.__version__)[:2])


class _Statuses(logging.Handler):
    """Keeps the HTTP status of what failed last, and no other word."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        found = _ERROR.search(record.getMessage())
        if found:
            self.last = found[1]
