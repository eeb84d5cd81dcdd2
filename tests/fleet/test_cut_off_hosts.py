"""Hosts that are alive and out of reach, as a worker is stopped or a network is cut: no second run beside the first."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kit import fleets
from kit.fleets import LEASE, Fleet, ended_runs, result_of, state_of
from kit.harness import Box, Live, lives, until, wait_gone
from kit.tcp_proxy import Proxy, proxy


@pytest.fixture
def network(fleet: Fleet) -> Iterator[Proxy]:
    with proxy(int(fleet.server.address.rpartition(":")[2])) as found:
        yield found


@contextmanager
def out_of_reach(how: str, worker: Live, network: Proxy) -> Iterator[None]:
    """Stop a worker, or cut its network, until the end of the context."""
    if how == "cut":
        with network.cut():
            yield
        return
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.pid, signal.SIGCONT)


class Pair:
    """Two jobs with one lock on two hosts: the first is out of reach, the second looks for the first when it starts."""

    def __init__(self, fleet: Fleet, make_box: Callable[..., Box], network: Proxy, name: str, policy: str) -> None:
        self.name = name
        self.first, self.second = f"{name}-first", f"{name}-second"
        self.box, self.other = make_box(), make_box()
        fleet.configure(self.box, address=network.address, lease=LEASE)
        fleet.configure(self.other, lease=LEASE)
        self.pid_file = self.box.root / "pid"
        self.begun, self.done, self.found = (self.box.fifo(each) for each in ("begun", "done", "found"))
        sleeps = f"echo $$ > {self.pid_file}; echo begun > {self.begun}; read line < {self.done}"
        looks = (
            f"kill -0 $(cat {self.pid_file}) 2> /dev/null && echo beside > {self.found} || echo alone > {self.found}"
        )
        keys = f"lock: {name}\non_overlap: queue\non_partition: {policy}\n"
        for box in (self.box, self.other):
            box.job(self.first, f"command: sh -c '{sleeps}'\nrun_on: {{host: {name}1}}\n{keys}")
            box.job(self.second, f"command: sh -c '{looks}'\nrun_on: {{host: {name}2}}\n{keys}")
        applied = self.other.process_control("fleet", "apply")
        assert applied.exit_code == 0, applied

    def begin(self) -> int:
        """Start the first; return its pid."""
        self.other.process_control("run", self.first, "--fleet")
        self.begun.read_line()
        return int(self.pid_file.read_text())

    def who_is_there(self) -> str:
        """Start the second, which has to wait for the lock; return what it finds."""
        self.other.process_control("run", self.second, "--fleet")
        return self.found.read_line()


@pytest.mark.parametrize("how", ["stopped", "cut"])
def test_a_run_out_of_reach_has_ended_before_another_one_starts(
    fleet: Fleet, make_box: Callable[..., Box], network: Proxy, how: str
) -> None:
    pair = Pair(fleet, make_box, network, f"kill-{how}", "kill")
    with fleets.worker(pair.box, f"{pair.name}1") as worker, fleets.worker(pair.other, f"{pair.name}2"):
        pid = pair.begin()
        with out_of_reach(how, worker, network):
            found = pair.who_is_there()
            is_alive = lives(pid)
            (run,) = until(lambda: ended_runs(pair.box, pair.first), "its end in the history")

        assert (found, is_alive, run["outcome"]) == ("alone", False, "lost"), run
        until(lambda: result_of(pair.other, pair.second), "the end of the second")
        assert state_of(pair.other, pair.first)["result"] == "lost"
        assert state_of(pair.other, pair.second)["result"] == "succeeded"


def test_with_on_partition_keep_a_run_out_of_reach_goes_on_beside_the_next(
    fleet: Fleet, make_box: Callable[..., Box], network: Proxy
) -> None:
    pair = Pair(fleet, make_box, network, "keep", "keep")
    with fleets.worker(pair.box, f"{pair.name}1") as worker, fleets.worker(pair.other, f"{pair.name}2"):
        pid = pair.begin()
        with network.cut():
            found = pair.who_is_there()
        pair.done.write_line()
        wait_gone(pid)
        worker.signal(signal.SIGTERM)
        worker.wait()
        (run,) = pair.box.process_control("history", pair.first, "--json").json()["runs"]

        assert (found, run["outcome"]) == ("beside", "succeeded"), run
        assert state_of(pair.other, pair.first)["result"] == "lost"


def test_an_order_that_lay_in_a_stopped_worker_until_the_server_gave_it_up_starts_nothing(
    fleet: Fleet, box: Box
) -> None:
    fleet.configure(box, lease=LEASE)
    ran = box.root / "ran"
    box.job("belated", f"command: touch {ran}")
    box.process_control("fleet", "apply")
    with fleets.worker(box, "late1") as worker:
        pid = f'"{worker.pid}"'
        until(lambda: pid in box.process_control("fleet", "hosts", "--json").stdout, "that it asks for work")
        os.kill(worker.pid, signal.SIGSTOP)
        box.process_control("run", "belated", "--fleet")
        until(lambda: result_of(box, "belated"), "the verdict")
        os.kill(worker.pid, signal.SIGCONT)
        worker.signal(signal.SIGTERM)
        worker.wait()

    assert state_of(box, "belated")["result"] == "lost"
    assert not ran.exists()
    assert box.process_control("history", "belated", "--json").json()["runs"] == []
