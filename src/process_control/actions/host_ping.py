"""Ping `host_ping` in a process of its own: the look does not wait for it, and it ends by itself."""

import os
from typing import NoReturn

_MAX_DESCRIPTOR = 1 << 20


def start_ping(url: str, overdue: int) -> None:
    """Start the process that sends that all is well, or how many jobs are `overdue`. Never raises.

    It is forked, and no program is executed: the URL is a secret, and a command line is not.
    """
    try:
        between = os.fork()
        if between == 0:
            _start_and_end(url, overdue)
        os.waitpid(between, 0)
    except OSError:
        pass


def _start_and_end(url: str, overdue: int) -> NoReturn:
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, _MAX_DESCRIPTOR)  # the lock of the look too
        from process_control.notify.channels.ping.host import ping_host  # what speaks HTTP is much

        ping_host(url, overdue)
    finally:
        os._exit(0)
