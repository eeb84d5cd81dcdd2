"""The scheduler's end of the socket to the launcher: orders out, reports in."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

MAX_PACKET = 1 << 16


class Orders:
    """The orders that the launcher has not taken yet, and what it reports. See `cli/run_job/launcher.py`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._unsent: list[bytes] = []
        #: whether nobody has the other end any more: the parent, which keeps it open, has died
        self.is_closed = False

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def send(self, order: Mapping[str, Any]) -> None:
        """Send an order, or keep it until the launcher takes some."""
        self._unsent.append(json.dumps(order).encode("ascii"))
        self.flush()

    def flush(self) -> None:
        sent = 0
        for packet in self._unsent:
            try:
                os.write(self.descriptor, packet)
            except OSError:  # the buffer is full
                break
            sent += 1
        del self._unsent[:sent]

    def received(self) -> Iterator[dict[str, Any]]:
        """Yield what the launcher has reported."""
        while True:
            try:
                packet = os.read(self.descriptor, MAX_PACKET)
            except BlockingIOError:
                return
            except ConnectionResetError:
                packet = b""
            if not packet:
                self.is_closed = True
                return
            yield json.loads(packet)
