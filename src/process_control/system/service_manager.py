"""Messages to the service manager that started us, see sd_notify(3)."""

import os
import socket

#: A service manager that is stuck must not keep us.
SEND_SECONDS = 0.2


class ServiceManager:
    """What the environment says of it. Without one, `notify` does nothing."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        #: how often it wants to hear of us, at least; None when it does not
        self.watchdog_seconds = (
            int(microseconds) / 1_000_000 if microseconds.isdecimal() and int(microseconds) else None
        )

    def notify(self, state: str) -> None:
        """Send such as `READY=1` or `WATCHDOG=1`. Never raises."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.connect(address)
                sender.sendall(state.encode())
        except OSError:
            pass
