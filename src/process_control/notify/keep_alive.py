"""Re-sends open incidents to receivers that forget what is not repeated, as Prometheus' Alertmanager does.

Called by whoever holds the queue of the receiver: nothing can be closed there meanwhile.
"""

from process_control.core.incident import Incident
from process_control.core.recipient import Recipient
from process_control.notify import spool
from process_control.notify.channels.address import Unusable, url_of
from process_control.state.incident_store import Store

PREFIX = "alertmanager+"
#: How queues begin of which only a file knows the URL.
OF_URL_FILE = "file~"
#: Until the next time.
PAUSE_SECONDS = 60.0


def keep_alive(state_directory: str, queue: str) -> None:
    """Re-send what the receiver of a queue has been sent and is not over, when nothing waits for it."""
    if not may_forget(queue) or spool.names(state_directory, queue):
        return
    found = [(each, recipient) for each in Store(state_directory).open_incidents() for recipient in _sent_to(each)]
    open_there = [incident for incident, recipient in found if recipient.key == queue]
    if open_there:
        from process_control.notify.channels.alertmanager.channel import keep_alive as send

        send(open_there, next(recipient for _, recipient in found if recipient.key == queue))


def may_forget(queue: str) -> bool:
    """Return whether the receiver of a queue may be one that forgets what is not repeated."""
    return queue.startswith((PREFIX, OF_URL_FILE))


def has_to_be_kept(incident: Incident) -> bool:
    """Return whether an incident is to be re-sent to somebody."""
    return bool(_sent_to(incident))


def _sent_to(incident: Incident) -> list[Recipient]:
    """Return the receivers that have been sent the incident and not its end."""
    return [
        notified.recipient
        for notified in incident.notified.values()
        if notified.recipient is not None
        and notified.opened_at is not None
        and not notified.closed
        and incident.is_open
        and _forgets(notified.recipient)
    ]


def _forgets(recipient: Recipient) -> bool:
    """Return whether a receiver forgets what is not repeated."""
    if recipient.url_file is None:
        return recipient.scheme.startswith(PREFIX)
    try:
        return url_of(recipient).startswith(PREFIX)
    except Unusable:
        return False
