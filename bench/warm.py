"""Warm starts, as the scheduler makes them: by order to the launcher. Against posix_spawn of the same command.

A job says itself when it executes: it prints the time. Both contenders run the same program, whose own start is in both
figures; what is added is the difference of a round.
"""

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from host import Host
from measuring import ENVIRONMENT, Found, Row, WorthNothing, row_of

from bench import Bench
from kit.schedulers import command_of_launcher

FAMILY = "warm"
DATE = "/bin/date +%s.%N"
GOAL_P50, GOAL_P99 = 0.005, 0.008
GOAL_AT_ONCE, GOAL_RATE, GOAL_MEBIBYTES = 0.8, 250.0, 1.2
PATIENCE_SECONDS = 120.0
STOPPED = 143
GOAL_THOUSAND = 2.5
SETTLING_SECONDS = 1.0


class Orders:
    """Our end of the socket to a launcher, in the place of the scheduler."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._number = 0
        self._due = int(time.time()) - 100_000

    def start(self, slugs: Sequence[str]) -> list[int]:
        """Order a run of each job for a planned time that no other had; return the numbers of the orders."""
        first = self._number + 1
        for slug in slugs:
            self._number += 1
            self._due += 1
            order = {"start": self._number, "job": slug, "due": self._due, "queued": 100_000.0}
            self._connection.send(json.dumps(order).encode())
        return list(range(first, self._number + 1))

    def wait(self, word: str, numbers: Sequence[int], *, code: int = 0) -> dict[int, dict[str, int]]:
        """Wait until each of these is `started` or `ended`. Raises WorthNothing when one ends with another `code`."""
        found: dict[int, dict[str, int]] = {}
        while len(found) < len(numbers):
            answer = json.loads(self._connection.recv(1 << 16))
            if answer.get(word) in numbers:
                found[answer[word]] = answer
            if answer.get("failed") in numbers or answer.get("code", code) != code:
                raise WorthNothing(f"the launcher reports {answer}")
        return found


@contextmanager
def launcher(host: Host) -> Iterator[Orders]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE_SECONDS)
    words = command_of_launcher(host.product, its.fileno(), host.configuration)
    with subprocess.Popen(words, pass_fds=[its.fileno()], env=ENVIRONMENT) as process:
        its.close()
        try:
            yield Orders(ours)
        finally:
            process.kill()


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host, launcher(host) as orders:
        return Found(rows=[*added(bench, host, orders), *at_once(bench, host, orders), *memory(bench, host, orders)])


def added(bench: Bench, host: Host, orders: Orders) -> list[Row]:
    """From the request to the command's exec, beyond posix_spawn."""
    slug = host.add_healthy_job("date", DATE)
    differences = []
    for number in bench.steps("warm starts", 5 * bench.sizes.rounds):
        pair = {}
        for contender in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
            began = time.time()
            printed = _by_order(host, orders, slug) if contender == "ours" else _by_spawn()
            pair[contender] = printed - began
        differences.append(pair["ours"] - pair["theirs"])
    p99 = sorted(differences)[min(len(differences) - 1, int(0.99 * len(differences)))]
    facts = {"family": FAMILY, "against": "posix_spawn of the same command, taken off", "measure": "wall", "unit": "s"}
    return [
        row_of(differences, what="warm start: order to the command's exec", goal=GOAL_P50, **facts),
        row_of([p99], what="warm start, p99", goal=GOAL_P99, **facts),
    ]


def _by_order(host: Host, orders: Orders, slug: str) -> float:
    orders.wait("ended", orders.start([slug]))
    return float(host.log(slug).read_text().splitlines()[0])


def _by_spawn() -> float:
    reading, writing = os.pipe()
    words = DATE.split()
    pid = os.posix_spawn(words[0], words, ENVIRONMENT, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)])
    os.close(writing)
    with open(reading, "rb") as file:
        printed = float(file.read())
    os.waitpid(pid, 0)
    return printed


def at_once(bench: Bench, host: Host, orders: Orders) -> list[Row]:
    """All due in one instant: until the last one executes, and until all have ended."""
    count = bench.sizes.at_once
    slugs = [host.add_healthy_job(f"date-{number:04}", DATE) for number in bench.steps("jobs for at once", count)]
    executing, rates = [], []
    for _ in bench.steps(f"{count} warm starts at once", bench.sizes.rounds_at_once):
        began = time.time()
        orders.wait("ended", orders.start(slugs))
        rates.append(count / (time.time() - began))
        executing.append(max(float(host.log(slug).read_text().splitlines()[0]) for slug in slugs) - began)
    return [
        row_of(
            executing,
            family=FAMILY,
            what=f"{count} warm starts at once, until the last executes",
            against="",
            measure="wall",
            unit="s",
            goal=GOAL_AT_ONCE,
        ),
        row_of(
            rates,
            family=FAMILY,
            what=f"runs a second, {count} at once, each recorded",
            against="",
            measure="wall",
            unit="/s",
            goal=GOAL_RATE,
            at_least=True,
        ),
    ]


def memory(bench: Bench, host: Host, orders: Orders) -> list[Row]:
    """The proportional memory of guard and runner of one of many concurrent runs."""
    count = bench.sizes.concurrent
    program = host.directory / "wait.sh"
    program.write_text("exit 0\n")
    steps = bench.steps("jobs for memory", count)
    slugs = [host.add_healthy_job(f"wait-{number:04}", f"/bin/sh {program}") for number in steps]
    program.write_text("exec sleep 600\n")
    began = time.monotonic()
    numbers = orders.start(slugs)
    guards = [int(answer["pid"]) for answer in orders.wait("started", numbers).values()]
    _until_they_execute(guards)
    executing = time.monotonic() - began
    select.select([], [], [], SETTLING_SECONDS)
    some = guards[:: max(1, count // 50)]
    values = [sum(_proportional(pid) for pid in (guard, *_children(guard))) / (1 << 20) for guard in some]
    for guard in guards:
        os.kill(guard, signal.SIGTERM)
    orders.wait("ended", numbers, code=STOPPED)
    return [
        row_of(
            [executing],
            family=FAMILY,
            what=f"{count} warm starts at once, each recorded, until all execute",
            against="",
            measure="wall",
            unit="s",
            goal=GOAL_THOUSAND,
        ),
        row_of(
            values,
            family=FAMILY,
            what=f"guard and runner of one of {count} concurrent runs",
            against="",
            measure="proportional memory (PSS)",
            unit="MiB",
            goal=GOAL_MEBIBYTES,
        ),
    ]


def _until_they_execute(guards: Sequence[int]) -> None:
    """Wait until each runner has its command."""
    limit = time.monotonic() + PATIENCE_SECONDS
    waiting = list(guards)
    while waiting:
        waiting = [guard for guard in waiting if not [_ for runner in _children(guard) for _ in _children(runner)]]
        if time.monotonic() > limit:
            raise WorthNothing(f"{len(waiting)} runs have not begun")
        select.select([], [], [], 0.05)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise WorthNothing(f"no PSS of {pid}")
