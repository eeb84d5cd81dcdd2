"""Services of apprise as a channel. The library is imported in the child that hands over, and nowhere else."""

import sys
import warnings
from typing import Any

from process_control.core.job import Job
from process_control.core.notice import NoticeEvent
from process_control.core.recipient import Recipient, shown_url
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.address import Unusable
from process_control.notify.channels.receiver_channel import ReceiverChannel
from process_control.system.ask import NoAnswer, ask

DEADLINE_SECONDS = 30.0
_KINDS = {
    NoticeEvent.OPENED: "failure",
    NoticeEvent.CHANGED: "failure",
    NoticeEvent.REMINDER: "warning",
    NoticeEvent.FLAPPING: "warning",
    NoticeEvent.CLOSED: "success",
}


class AppriseChannel(ReceiverChannel):
    """`slack://…`, `pagerduty://…`, and whatever else apprise knows. `store` is where it may keep what it needs."""

    kind = "apprise"

    def __init__(self, *, store: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__()
        self._store = store
        self._seconds = deadline_seconds

    def hand_over(self, content: dict[str, Any], url: str, recipient: Recipient, job: Job | None) -> Answer:  # noqa: ARG002
        """Let apprise send it."""
        event = str(content.get("event"))

        def send() -> dict[str, str]:
            warnings.simplefilter("ignore")  # those of a library are of no use to anybody here
            try:
                from process_control.notify.channels.apprise.service import Message, hand_over
            except ImportError:
                return {"missing": "apprise"}
            message = Message(
                title=str(content.get("subject")),
                text=str(content.get("text")),
                short=str(content.get("short")),
                kind=_KINDS[NoticeEvent(event)] if event in list(NoticeEvent) else "info",
                key=str(content.get("incident")),
            )
            return hand_over(url, message, store=self._store)

        try:
            answer = ask(send, seconds=self._seconds)
        except NoAnswer:
            raise Unusable(f"{shown_url(url)}: no answer within {self._seconds:g} s") from None
        if "missing" in answer:
            raise Unusable(
                f"{shown_url(url)} needs the library apprise, which is not installed; "
                f"install it: {sys.executable} -m pip install 'apprise>=2.2'"
            )
        if "taken" in answer:
            return Taken(str(answer["taken"]))
        return Later((recipient.key,), f"{shown_url(url)}: {answer.get('why')}")
