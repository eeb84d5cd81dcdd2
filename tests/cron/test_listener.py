"""The syslog of a cron of a test: its lines come in the order in which they were sent, however busy the host is."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.syslog_listener import Listener

LINES = 10_000


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Have the interpreter switch threads at each step, as on a host with little processor time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def send_lines(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for number in range(LINES):
            sender.send(f"<78>Mar  7 01:58:01 CRON[1]: {number}".encode())


def test_lines_keep_their_order_when_a_thread_and_the_test_read_them(tmp_path: Path, many_switches: None) -> None:
    numbers: list[int] = []
    with Listener(tmp_path / "log") as listener:
        listener.read_all_the_time()
        sender = threading.Thread(target=send_lines, args=(listener.path,))
        sender.start()
        while len(numbers) < LINES:
            numbers += [int(line.text) for line in listener.lines_from(len(numbers))]
        sender.join()

    assert numbers == sorted(numbers)
