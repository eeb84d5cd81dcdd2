"""The process `fleet worker`: how it begins and ends, and what it says to the service manager."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit import fleets
from kit.events import readable
from kit.fleets import PATIENT_LEASE, Fleet, result_of, state_of
from kit.harness import PATIENCE_SECONDS, Box, Product, until, wait_gone


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box, lease=PATIENT_LEASE)
    return box


@contextmanager
def service_manager(box: Box) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Listen to what a process says to systemd; yield the socket, and the environment that names it."""
    path = str(box.root / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(PATIENCE_SECONDS)
        yield manager, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"}


def wait_for_notice(manager: socket.socket, notice: str) -> None:
    while notice not in manager.recv(4096).decode().split("\n"):
        pass


def forget_notices(manager: socket.socket) -> None:
    """Read what has come: the kernel keeps ten of them, and who sends another one does not wait long."""
    while readable([manager.fileno()], 0):
        manager.recv(4096)


def test_a_worker_that_is_asked_to_end_takes_nothing_more_and_waits_for_its_runs(host: Box) -> None:
    begun, done = host.fifo("begun"), host.fifo("done")
    host.job("long-one", f"command: sh -c 'echo begun > {begun}; read line < {done}'\nrun_on: {{tag: draining}}")
    host.job("next-one", "command: /bin/true\nrun_on: {host: drain1}\nstart_within: 3s")
    host.configure(fleet={**host._keys["fleet"], "tags": ["draining"]})

    with service_manager(host) as (manager, env), fleets.worker(host, "drain1", env=env) as worker:
        wait_for_notice(manager, "READY=1")
        wait_for_notice(manager, "WATCHDOG=1")
        host.process_control("fleet", "apply")
        host.process_control("run", "long-one", "--fleet")
        begun.read_line()
        forget_notices(manager)
        worker.signal(signal.SIGTERM)
        wait_for_notice(manager, "STOPPING=1")
        wait_for_notice(manager, "WATCHDOG=1")
        host.process_control("run", "next-one", "--fleet")
        until(lambda: result_of(host, "next-one"), "that nobody takes it")
        done.write_line()
        ended = worker.wait()

    assert (ended.exit_code, ended.stderr.endswith("ended\n")) == (0, True), ended
    assert state_of(host, "next-one")["result"] == "missed"
    assert state_of(host, "long-one")["result"] == "succeeded"


@pytest.fixture
def next_version(with_fleet: Product, tmp_path: Path) -> Product:
    """The product as a later version may be: its workers report something that today's control does not know."""
    copy = with_fleet.copy_to(tmp_path / "next")
    state = copy.package / "core" / "fleet" / "lock_state.py"
    state.write_text(state.read_text().replace("class Ended:\n", 'class Ended:\n    weather: str = "fine"\n', 1))
    assert "weather" in state.read_text()
    return copy


def test_a_worker_is_replaced_by_another_version_during_a_run_and_no_run_is_lost(
    host: Box, next_version: Product
) -> None:
    begun, done = host.fifo("begun"), host.fifo("done")
    host.job("upgraded", f"command: sh -c 'echo begun > {begun}; read line < {done}'\non_overlap: queue")
    with fleets.worker(host, "up1") as old:
        host.process_control("fleet", "apply")
        host.process_control("run", "upgraded", "--fleet")
        begun.read_line()
        old.signal(signal.SIGTERM)
        old.wait_for_line("ending: ", stream="stderr")
        host.process_control("run", "upgraded", "--fleet")  # waits for the first
        done.write_line()
        old.wait()
    host.product = next_version
    with fleets.worker(host, "up1"):
        begun.read_line()
        done.write_line()
        until(lambda: len(outcomes(host, "upgraded")) == 2, "the end of the second")
        until(lambda: state_of(host, "upgraded")["state"] == "idle", "that the fleet knows")

    assert outcomes(host, "upgraded") == ["succeeded"] * 2
    assert state_of(host, "upgraded")["result"] == "succeeded"


def outcomes(host: Box, slug: str) -> list[str]:
    runs = host.process_control("history", slug, "--json").json()["runs"]
    return [run["outcome"] for run in runs if run["outcome"] is not None]


@pytest.mark.parametrize("words", [[], ["--drain-timeout", "0.1"]], ids=["second-term", "timeout"])
def test_a_second_term_or_the_timeout_stops_the_runs_and_they_are_reported(host: Box, words: list[str]) -> None:
    begun, slug = host.fifo("begun"), "hurried" + str(len(words))
    host.job(slug, f"command: sh -c 'echo $$ > {begun}; exec sleep 1000'")

    with fleets.worker(host, f"drain-{slug}", *words) as worker:
        host.process_control("fleet", "apply")
        host.process_control("run", slug, "--fleet")
        pid = int(begun.read_line())
        worker.signal(signal.SIGTERM)
        worker.wait_for_line("ending: ", stream="stderr")
        if not words:
            worker.signal(signal.SIGTERM)
        wait_gone(pid)
        ended = worker.wait()

    assert ended.exit_code == 0
    assert "stops 1 run\n" in ended.stderr
    state = state_of(host, slug)
    assert (state["result"], state["state"]) == ("failed", "idle"), state
    (run,) = host.process_control("history", slug, "--json").json()["runs"]
    assert (run["outcome"], run["reason"]) == ("failed", "stopped"), run


def test_a_second_worker_of_a_host_is_refused_and_what_a_dead_one_left_is_removed(host: Box) -> None:
    left = host.state_directory / "fleet" / "20270101T000000Z-abc.json.err"
    left.parent.mkdir(mode=0o700, parents=True)
    left.write_text("nobody reads this\n")

    with fleets.worker(host, "once1") as worker:
        second = host.process_control("fleet", "worker", "--name", "once2")
        os.kill(worker.pid, 0)

    assert not left.exists()
    assert second.exit_code == 75
    assert f"another worker of the fleet has this state directory: pid {worker.pid}\n" in second.stderr
