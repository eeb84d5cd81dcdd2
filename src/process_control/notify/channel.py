"""The contract of a channel, a way of reaching people: how a message is made, handed over and recorded.

Whether there is a message at all is decided in `core/notice.py`. Each channel has a folder in `channels/`, and each
recipient its own queue in the spool (`queue.py`): one that is dead keeps no other waiting.
"""

from dataclasses import dataclass
from typing import Protocol

from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.spool import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A message in words, for channels to choose from. Masked, and without control characters."""

    #: One line, the reason first.
    subject: str
    text: str
    html: str
    #: For a chat: a few lines, at most 1,000 characters.
    short: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Every recipient's side has accepted the message."""

    #: What it answered, in one line, `250 2.0.0 queued as 12AB`; "" when nothing is known of it.
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Not accepted for the recipients `who` for the reason `why`, in one line: to be tried again."""

    who: tuple[str, ...]
    why: str
    #: Not before that moment (UTC seconds), as the other side asks; None: as it comes.
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """Not accepted, and no later try can change that: `why`, in one line."""

    why: str


Answer = Taken | Later | Never


def recipients_of(entry: Entry) -> tuple[str, ...]:
    """Return who has not got the message of an entry yet."""
    value = entry.get("recipients")
    return tuple(map(str, value)) if isinstance(value, list) else ()


class Channel(Protocol):
    """A way of reaching people. Made anew for each round through the spool: it may remember what is broken now."""

    #: What people are shown: mail, webhook, exec, alertmanager, apprise.
    kind: str

    def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:
        """Return the content to keep until it is accepted; None: it reaches nobody.

        The content is made once, here: each try sends the same. What must stay secret does not belong in it.
        """

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:
        """Hand over what `compose` made, within a deadline. `job` is as its file is now."""
