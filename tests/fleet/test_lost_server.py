"""What `fleet worker` and `fleet control` say when they cannot reach the server: no line of the library's log."""

import re
from collections.abc import Callable

from kit import fleets
from kit.fleets import LEASE, Fleet
from kit.harness import Box, until
from kit.refusing_server import refusing_server
from kit.tcp_proxy import proxy

MEANWHILE = "runs in progress end after the lease of 4 s unless it comes back"


def test_worker_and_control_say_when_the_server_is_lost_and_when_it_is_back(
    fleet: Fleet, make_box: Callable[..., Box]
) -> None:
    host, other = make_box(), make_box()
    fleet.configure(host, lease=LEASE)
    fleet.configure(other)
    address = fleet.server.address
    with fleets.worker(host, "lost1") as worker, fleets.control(other) as control:
        with fleet.server.away():
            worker.wait_for_line("does not answer", stream="stderr")
            control.wait_for_line("does not answer", stream="stderr")
        worker.wait_for_line("answers again", stream="stderr")
        control.wait_for_line("answers again", stream="stderr")
        worker.signal(15)
        control.signal(15)
        of_worker, of_control = worker.wait(), control.wait()

    assert without_seconds(of_worker.stderr) == [
        f"worker lost1 of the fleet on {address}: takes runs for any, host/lost1",
        f"worker lost1: the server {address} does not answer; {MEANWHILE}",
        f"worker lost1: the server {address} answers again, after N",
        "ending: takes nothing more, and waits for what is in progress",
        "ended",
    ]
    assert without_seconds(of_control.stderr) == [
        f"control of the fleet on {address}, namespace default",
        f"control: the server {address} does not answer; nothing is decided until it is back",
        f"control: the server {address} answers again, after N",
        "ending: takes nothing more, and waits for what is in progress",
        "ended",
    ]


def without_seconds(stderr: str) -> list[str]:
    """Return the lines, without those about jobs that other tests have brought to all hosts."""
    lines = re.sub(r"after [\d.]+ m?s\n", "after N\n", stderr).splitlines()
    return [line for line in lines if not line.startswith("runs here, as on all hosts: ")]


def test_a_server_that_is_gone_altogether_is_said_in_the_same_words(fleet: Fleet, box: Box) -> None:
    with proxy(int(fleet.server.address.rpartition(":")[2])) as network:
        fleet.configure(box, address=network.address, lease=LEASE)
        with fleets.worker(box, "lost2") as worker:
            pid = f'"{worker.pid}"'
            until(lambda: pid in box.process_control("fleet", "hosts", "--json").stdout, "that it asks for work")
            network.close()  # connections are refused
            worker.wait_for_line("does not answer", stream="stderr")
            worker.signal(15)
            ended = worker.wait()

    assert ended.exit_code == 0, ended.stderr
    assert without_seconds(ended.stderr)[1:] == [
        f"worker lost2: the server {network.address} does not answer; {MEANWHILE}",
        "ending: takes nothing more, and waits for what is in progress",
        "ended",
    ]


def test_a_command_prints_an_error_of_ours_and_no_line_of_the_library(box: Box, with_fleet: object) -> None:
    box.product = with_fleet  # type: ignore[assignment]  # the product with the extra
    with refusing_server("out of order", 14) as address:
        box.configure(fleet={"address": address})
        status = box.process_control("fleet", "status")

    assert status.exit_code == 75
    assert status.stderr.startswith(f"{address}: the Temporal server does not answer: out of order\n"), status
    assert len(status.stderr.splitlines()) == 2
