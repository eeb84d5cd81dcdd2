"""The overview of many jobs beside the board of cronstable: how soon it is there, and what is sent for it.

Its board is a page that the browser fills from a list in JSON; ours is sent ready. Neither has runs to show.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from host import Host
from measuring import ENVIRONMENT, WALL, Costs, Row, WorthNothing, add_round, ratios, row_of
from measuring import Cost as OneCost

from bench import Bench

if TYPE_CHECKING:
    from page import Page

BOARD = "cronstable"
#: It needs a minute to read all of them.
PART = 5
JOB = 'command: /bin/true\nschedule: "0 5 1 1 *"\n'
PATIENCE_SECONDS = 180.0
OURS, THEIRS = "page: overview of {count:,} jobs", "its board: the list of {count:,} jobs"


def add_board_jobs(bench: Bench, host: Host) -> int:
    """Write the same jobs for both; return how many there are."""
    count = max(bench.sizes.jobs // PART, 1)
    for number in range(count):
        host.add_job(f"job-{number:04}", f"name: Job number {number}\n{JOB}")
    return count


def beside_the_board(bench: Bench, host: Host, page: "Page", count: int, port: int, family: str) -> list[Row]:
    """Return rows for the time of an overview, and for what both take and send. Without cronstable there are none."""
    program = bench.peers.schedulers.get(BOARD)
    if program is None:
        return []
    costs: Costs = {}
    ours, theirs = OURS.format(count=count), THEIRS.format(count=count)
    with board(program, host.directory, count, port) as (pid, client):
        page.seconds("/")  # the first one reads all job files
        asked = {ours: lambda: timed(page.client, "/"), theirs: lambda: timed(client, "/jobs")}
        for number in bench.steps(f"{count:,} jobs beside {BOARD}", bench.sizes.rounds_of_others):
            time.sleep(page.look_seconds)
            add_round(costs, asked, number)
        sent = [kilobytes(page.client, "/", "/static/style.css", "/static/page.js"), kilobytes(client, "/", "/jobs")]
        memory = page.memory() / page.memory(pid=pid)
    facts = {"family": family, "against": BOARD}
    return [
        row_of(ratios(costs, ours, theirs, WALL), what=ours, measure=WALL, **facts),
        row_of([sent[0] / sent[1]], what=f"{ours}, first visit", measure="sent", **facts),
        row_of([memory], what=f"page: server with {count:,} jobs", measure="RSS", **facts),
    ]


@contextmanager
def board(program: str, directory: Path, count: int, port: int) -> Iterator[tuple[int, httpx.Client]]:
    """Serve its board of as many jobs."""
    path = directory / "board.yaml"
    lines = "".join(f"    {line}\n" for line in JOB.splitlines())
    jobs = "".join(f"  - name: job-{number:04}\n{lines}" for number in range(count))
    listen = f"web:\n  listen:\n    - http://127.0.0.1:{port}\n"
    path.write_text(f"{listen}jobs:\n{jobs}")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([program, "-c", str(path)], env=ENVIRONMENT, **quiet) as process:  # type: ignore[call-overload]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_for(process, client, count)
                yield process.pid, client
        finally:
            process.terminate()


def wait_for(process: "subprocess.Popen[bytes]", client: httpx.Client, count: int) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            if len(client.get("/jobs").json()) == count:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise WorthNothing(f"the board of {BOARD} does not show {count} jobs")


def timed(client: httpx.Client, address: str) -> OneCost:
    begin = time.perf_counter()
    answer = client.get(address)
    if answer.status_code != 200:
        raise WorthNothing(f"{address}: {answer.status_code}")
    return OneCost(wall=time.perf_counter() - begin, cpu=0.0)


def kilobytes(client: httpx.Client, *addresses: str) -> float:
    """Return what is sent, compressed where the server does that."""
    sent = 0
    for address in addresses:
        with client.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            sent += sum(len(part) for part in answer.iter_raw())
    return sent / 1000
