"""Which message an incident calls for, and for whom. Pure: an incident and what was sent in, the next message out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from process_control.core.causes import Cause
from process_control.core.incident import Incident, Notified, State
from process_control.core.recipient import Recipient


class NoticeEvent(StrEnum):
    """What a message is about. The values are the `event` of webhooks and of an incident's messages in JSON."""

    OPENED = "opened"
    REMINDER = "reminder"
    CHANGED = "changed"
    FLAPPING = "flapping"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message for one recipient, before it is put into words."""

    #: `<incident>.<event>.<number>`: the same at each try. A receiver sees by it that it has the message already.
    id: str
    event: NoticeEvent
    #: ISO 8601 UTC with milliseconds.
    at: str
    incident: Incident
    #: Those of the incident's jobs about which this recipient is notified.
    jobs: tuple[str, ...]
    #: What was posted (see notify/event.py): `end` is the record of the run, `stderr` its last lines.
    posted: Mapping[str, object]
    host: str
    #: The id of the first message about the incident, which this one answers; None: it is the first.
    answers: str | None = None
    #: Whether it is only about the last failed run, as `failmail: {each: true}` wants it.
    is_of_one_run: bool = False


def owed(
    incident: Incident,
    notified: Notified,
    recipient: Recipient,
    *,
    count: int,
    at: str,
    is_silenced: bool,
    causes: Iterable[Cause] = (),
    is_known: bool = False,
) -> NoticeEvent | None:
    """Return the message that the recipient has to get at `at` (ISO 8601 UTC); None: none.

    `count` is the trouble of the job of which it has had most, among those about which the recipient is notified;
    `causes` are those of the last trouble of each. `is_known`: somebody holds all of these that are in trouble.
    """
    if is_silenced or incident.state is State.COUNTING:
        return None
    is_known = is_known or incident.state is State.ACKNOWLEDGED
    was_opened = notified.opened_at is not None
    if incident.is_over:  # its cause may be another than when it was opened
        wants = was_opened and not notified.closed and recipient.wants_recovery
        return NoticeEvent.CLOSED if wants else None
    if not any(recipient.wants(cause) for cause in (incident.cause, *causes)):
        return None
    if incident.state is State.FLAPPING and not notified.flapping:
        return NoticeEvent.FLAPPING
    if not was_opened:
        is_due = incident.cause.is_host_wide or count >= recipient.after
        return NoticeEvent.OPENED if is_due and not is_known else None
    if is_known:
        return None
    if _has_changed(incident, notified):
        return NoticeEvent.CHANGED
    if recipient.each and notified.last_key != incident.last_key:
        return NoticeEvent.REMINDER
    return NoticeEvent.REMINDER if _is_due(notified, recipient, at) else None


def next_reminder_at(notified: Notified, recipient: Recipient) -> float | None:
    """Return when the next reminder is due (UTC seconds), if nothing changes till then; None: never."""
    if not recipient.remind_seconds or notified.last_at is None or notified.closed:
        return None
    return datetime.fromisoformat(notified.last_at).timestamp() + recipient.remind_seconds


def after_sending(notified: Notified, notice: Notice, recipient: Recipient) -> Notified:
    """Return what the recipient has been sent, with this message."""
    incident = notice.incident
    return Notified(
        number=notified.number + 1,
        opened_at=notified.opened_at or notice.at,
        last_at=notice.at,
        last_key=incident.last_key,
        flapping=incident.state is State.FLAPPING,
        closed=notice.event is NoticeEvent.CLOSED,
        thread=notified.thread or notice.id,
        recipient=recipient,
    )


def _has_changed(incident: Incident, notified: Notified) -> bool:
    """Return whether the reason is not the acknowledged one, and the recipient has been sent nothing since then."""
    if not incident.is_changed or notified.last_key == incident.last_key:
        return False
    known = incident.acknowledged
    return known is None or (notified.last_at or "") <= (known["at"] or "")


def _is_due(notified: Notified, recipient: Recipient, at: str) -> bool:
    due = next_reminder_at(notified, recipient)
    if due is None:
        return False
    now = datetime.fromisoformat(at).timestamp()
    # A last message that is as far ahead was sent before the clock was set back.
    return now >= due or now <= due - 2 * recipient.remind_seconds
