"""When people are notified about a job: once a failed run from the threshold on, and once when it recovers.

An incident begins with the first failed run and ends with the first that went well. What a message says, and by which
channel it is sent, is decided elsewhere. Pure: events in, kinds of message out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REFUSAL_REMINDER_INTERVAL = timedelta(days=1)
MAX_SEEN = 50


class MessageKind(StrEnum):
    """What a message is about. The values are the `letter` of journal and spool, and a part of each message's id."""

    FAILURE = "failure"
    REFUSAL = "refusal"
    RECOVERY = "recovery"


class Happening(StrEnum):
    """What happened to a job, as far as people may have to be notified."""

    FAILED = "failed"
    REFUSED = "refused"
    WENT_WELL = "went_well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is known of the present incident, or nothing when all is well. Its record has the names of the fields."""

    failures_in_row: int = 0
    #: When the first of them was (ISO 8601).
    since: str | None = None
    #: The id of its first message (`<key>.<kind>`), which the others answer; None: none was sent.
    thread: str | None = None
    #: The sentence of the last message about a refused start.
    refusal: str | None = None
    #: When that was sent.
    refusal_told_at: str | None = None
    #: The keys of the last events: an event may come more than once, and is counted once.
    seen: tuple[str, ...] = ()

    @property
    def was_notified(self) -> bool:
        """Whether a message was sent about it."""
        return self.thread is not None

    def to_record(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in _FIELDS} | {"seen": list(self.seen)}

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Incident":
        """Read the record; what makes no sense counts as no incident: a message too many is better than none."""
        known = {name: record.get(name) for name in _FIELDS} if record else {}
        texts = [known.get(name) for name in ("since", "thread", "refusal", "refusal_told_at")]
        seen = known.pop("seen", None)
        count = known.get("failures_in_row")
        if type(count) is not int or any(text is not None and not isinstance(text, str) for text in texts):
            return cls()
        return cls(**known, seen=tuple(map(str, seen)) if isinstance(seen, list) else ())  # type: ignore[arg-type]


_FIELDS = ("failures_in_row", "since", "thread", "refusal", "refusal_told_at", "seen")


def next_incident(
    incident: Incident, what: Happening, *, key: str, at: str, threshold: int, refusal: str = ""
) -> tuple[Incident, MessageKind | None]:
    """Return the incident after `what` happened, and the kind of message to send, if any.

    `key` is the id of the run or refusal, `at` when it was (ISO 8601), `threshold` the failed run in a row from which
    on messages are sent, `refusal` the sentence of a refusal: the same one is sent once a day, since cron may ask every
    minute.
    """
    if key in incident.seen:
        return incident, None
    seen = (*incident.seen, key)[-MAX_SEEN:]
    if what is Happening.WENT_WELL:
        return Incident(seen=seen), MessageKind.RECOVERY if incident.was_notified else None
    grown = replace(incident, failures_in_row=incident.failures_in_row + 1, since=incident.since or at, seen=seen)
    if grown.failures_in_row < threshold:
        return grown, None
    if what is Happening.FAILED:
        return replace(grown, thread=grown.thread or f"{key}.{MessageKind.FAILURE}"), MessageKind.FAILURE
    if refusal == incident.refusal and not _is_due(incident.refusal_told_at, at):
        return grown, None
    thread = grown.thread or f"{key}.{MessageKind.REFUSAL}"
    return replace(grown, thread=thread, refusal=refusal, refusal_told_at=at), MessageKind.REFUSAL


def _is_due(sent_at: str | None, now: str) -> bool:
    """Return whether a refusal has to be sent again; also when the clock was set back since."""
    try:
        since = datetime.fromisoformat(now) - datetime.fromisoformat(sent_at or "")
    except ValueError:
        return True
    return not timedelta(0) <= since < REFUSAL_REMINDER_INTERVAL
