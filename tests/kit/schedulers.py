"""A real `process-control scheduler` in a box, and its launcher alone."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.commands import PATIENCE_SECONDS, Live
from kit.harness import Box, Product, until
from kit.processes import children, lives, name_of


class Scheduler:
    """One that has said that it is ready. `parent`: the process that people and systemd see."""

    def __init__(self, box: Box, parent: Live, manager: socket.socket) -> None:
        self.box = box
        self.parent = parent
        self._manager = manager
        #: whether the test knows a pid, which it wants for killing
        self.may_be_killed = False

    @property
    def pid(self) -> int:
        return self._child("scheduler")

    @property
    def launcher_pid(self) -> int:
        return self._child("launcher")

    def _child(self, name: str) -> int:
        """Return the pid of a child, which may just be started again."""
        self.may_be_killed = True
        return until(lambda: self._children(name), f"a process called {name}")[0]

    def _children(self, name: str) -> list[int]:
        return [pid for pid in children(self.parent.pid) if name_of(pid) == name and lives(pid)]

    def wait_for_notice(self, text: str) -> None:
        """Wait until the service manager is sent this, see sd_notify(3)."""
        while text not in self._manager.recv(4096).decode():
            pass

    def ask(self, verb: str, **question: Any) -> dict[str, Any]:
        """Ask its socket, and return the first line of the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(self.box.state_directory / "run" / "scheduler.sock"))
            connection.sendall(json.dumps({"verb": verb, **question}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
            return answer

    def wait_until_idle(self) -> None:
        """Wait until no run is in progress: a lock is free a moment after the end is recorded."""
        until(lambda: not self.ask("status")["scheduler"]["running"], "no run in progress")


@contextmanager
def scheduler(box: Box, *, env: dict[str, str] | None = None, **how: Any) -> Iterator[Scheduler]:
    """Run one until the end of the context; TERM ends it, and its runs go on."""
    path = str(box.root / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o666)
        manager.settimeout(PATIENCE_SECONDS)
        try:
            with box.serve("scheduler", env={"NOTIFY_SOCKET": path, **(env or {})}, **how) as live:
                found = Scheduler(box, live, manager)
                found.wait_for_notice("READY=1")
                yield found
                if live.process.returncode is None:
                    live.signal(15)
                    live.wait()
                if found.may_be_killed or live.process.returncode == -9:
                    _forget_what_the_next_would_replace(box)
        finally:
            os.unlink(path)


def _forget_what_the_next_would_replace(box: Box) -> None:
    """Remove the new files that a process which was killed while it wrote has left beside the old ones."""
    for path in box.state_directory.glob("*.json.new"):
        path.unlink()


_SERVE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from process_control.cli.run_job.launcher import serve; serve(int(sys.argv[2]), sys.argv[3])"
)


def command_of_launcher(product: Product, orders: int, configuration: Path) -> list[str]:
    """Return the command line of a launcher that takes its orders from the descriptor `orders`."""
    package = str(product.stub.parents[2])
    return [product.interpreter, "-I", "-S", "-c", _SERVE, package, str(orders), str(configuration)]


class Launcher:
    """The launcher of a box, with us as its scheduler."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._number = 0
        #: the exit codes of ends that came while something else was waited for
        self._codes: dict[int, int] = {}

    def start(self, job: str, **order: Any) -> tuple[int, int]:
        """Order a run; return the number of the order, and the pid of its guard."""
        self._number += 1
        self._orders.send(json.dumps({"start": self._number, "job": job, **order}).encode())
        return self._number, int(self._answer(lambda answer: answer.get("started") == self._number)["pid"])

    def run(self, job: str, **order: Any) -> int:
        """Order a run, wait for its end, and return its exit code."""
        number, _ = self.start(job, **order)
        return self.wait(number)

    def wait(self, number: int) -> int:
        """Wait for the end of the run of this order; return its exit code, 128 and the signal when it was killed."""
        if number not in self._codes:
            self._answer(lambda answer: answer.get("ended") == number)
        return self._codes.pop(number)

    def _answer(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] = json.loads(self._orders.recv(1 << 16))
            if "ended" in answer:
                self._codes[answer["ended"]] = int(answer["code"])
            if is_it(answer):
                return answer


@contextmanager
def launcher(box: Box) -> Iterator[Launcher]:
    """Run the launcher of a box until the end of the context."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE_SECONDS)
    assert box.configuration is not None
    command = command_of_launcher(box.product, its.fileno(), box.configuration)
    null = subprocess.DEVNULL
    environment = box.environment_for(None)
    with subprocess.Popen(command, stdin=null, stdout=null, pass_fds=[its.fileno()], env=environment) as process:
        its.close()
        try:
            yield Launcher(ours)
        finally:
            process.kill()
            ours.close()
