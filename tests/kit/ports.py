"""Ports for servers that have to be told theirs before they begin, and for those that are started again on it."""

import errno
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RANGE_OF_THE_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST = 12_000
"""Below are ports of servers that a host may have, and some that browsers refuse."""
FEW = 1000


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens now.

    It is none of those that the kernel gives to whoever asks for any: a test beside this one would get it before the
    server has begun, or while that is away.
    """
    end = int(RANGE_OF_THE_KERNEL.read_text().split()[0])
    while True:
        wanted = FIRST + secrets.randbelow(end - FIRST) if end - FIRST >= FEW else 0
        with socket.socket() as probe:
            try:
                probe.bind((address, wanted))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            return int(probe.getsockname()[1])


@contextmanager
def refused() -> Iterator[int]:
    """Hold a port at which nobody listens; yield it. Who connects is refused, and no other test gets the port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield int(unused.getsockname()[1])
