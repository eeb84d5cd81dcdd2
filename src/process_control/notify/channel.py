"""The contract of a channel, a way of reaching people: how a message is made, handed over and recorded.

Whether there is a message at all is decided in `core/notice.py`. Each channel has a folder in `channels/` and its own
queue in the spool (`queue.py`): one that is dead keeps no other waiting.
"""

from dataclasses import dataclass
from typing import Protocol

from process_control.core.first_incident import Incident, MessageKind
from process_control.core.job import Job
from process_control.notify.spool import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message about an incident, before a channel has put it into words."""

    #: Unique, and the same at every try and in every channel: a receiver sees by it that it has the message already.
    id: str
    #: Whether a run failed, a start was refused, or the incident is over.
    kind: MessageKind
    #: What happened, as it was posted (see event.py).
    event: Entry
    #: The incident with this event counted; of one that is over, as it was before.
    incident: Incident
    #: None: its file cannot be read.
    job: Job | None
    #: The name of this host.
    host: str

    @property
    def answers(self) -> str | None:
        """The id of the first message of the incident; None for the first itself."""
        first = self.incident.thread
        return first if first != self.id else None


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

    #: The folder of its queue in the spool.
    name: str
    #: What its messages are called in a sentence: `mails`.
    messages: str

    def compose(self, message: Message) -> Entry | None:
        """Return the content to keep until it is accepted, with a list `recipients`; None: it reaches nobody.

        The content is made once, here: each try sends the same. What must stay secret does not belong in it.
        """

    def deliver(self, entry: Entry, *, job: Job | None) -> Answer:
        """Hand over what `compose` made to `entry["recipients"]`, within a deadline. `job` is as its file is now."""

    def record_of(self, entry: Entry, *, at: str, result: str, why: str | None) -> dict[str, object]:
        """Return the journal's record of what became of an entry: `sent`, `waits` or `given_up`.

        Of an entry that never came so far only `job`, `key` and `letter` (what it is about) may be known.
        """
