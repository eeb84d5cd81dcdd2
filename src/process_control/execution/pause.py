"""Wait between two attempts; a stop ends the wait at once.

Lean module.
"""

import select
import time

from process_control.system.clock import wait_milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.system.signals import Inbox


def pause(inbox: "Inbox", seconds: float) -> None:
    """Wait for `seconds`, or until the run is to be stopped."""
    until = time.monotonic() + seconds
    poll = select.poll()
    poll.register(inbox.descriptor, select.POLLIN)
    while not inbox.stopping and (left := until - time.monotonic()) > 0:
        if poll.poll(wait_milliseconds(left)):
            inbox.clear()
