"""What the channels beside mail have in common: what is kept, whose URL it is, and what is broken in this round."""

from abc import ABC, abstractmethod
from typing import Any

from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Contents, Later
from process_control.notify.channels.address import Unusable, url_of
from process_control.notify.channels.entry import content_of, entry_of
from process_control.notify.spool import Entry


class ReceiverChannel(ABC):
    """A channel by which one receiver is reached: the URL of its recipient. One is made for each round."""

    kind = ""

    def __init__(self) -> None:
        #: Receivers that cannot be used in this round: they are not waited for again for each message.
        self._unusable: dict[str, Unusable] = {}

    def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:  # noqa: ARG002
        """Return what is sent, in the same form for each of these channels."""
        return entry_of(notice, contents)

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:
        """Hand it over to the URL, by what its file says now."""
        error = self._unusable.get(recipient.key)
        if error is None:
            try:
                return self.hand_over(content_of(entry), url_of(recipient), recipient, job)
            except Unusable as found:
                error = self._unusable[recipient.key] = found
        return Later((recipient.key,), error.why, retry_at=error.retry_at)

    @abstractmethod
    def hand_over(self, content: dict[str, Any], url: str, recipient: Recipient, job: Job | None) -> Answer:
        """Hand over the content. Raises Unusable when other messages would not be taken now either."""
