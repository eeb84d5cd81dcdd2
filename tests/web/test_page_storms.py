"""Many at once on the page: open pages of one run, clients that never read, wrong passwords."""

import socket
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from kit.harness import Box, Storm, until
from kit.page_safety import log_in, logged_in, users
from kit.pages import Served, served
from web.test_live import Printing, read_until, served_at_path

LINES_AT_ONCE, LINE = 200, "x" * 99
MEBIBYTE = 1 << 20
GUESSERS = 16
#: In place of a second, at a small size beside other tests.
BUSY_SECONDS = 10


def memory(pid: int, name: str = "VmRSS") -> float:
    """Return what the kernel says of the memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


def bytes_read(pid: int) -> int:
    """Return what a process has read from files; what it received from sockets does not count."""
    return int(Path(f"/proc/{pid}/io").read_text().partition("rchar: ")[2].split()[0])


def answers(client: httpx.Client, path: str, is_over: Callable[[], bool], *, at_least: int = 20) -> list[float]:
    """Ask until it is over, and so often at least; return how long each answer took."""
    taken: list[float] = []
    while len(taken) < at_least or not is_over():
        begin = time.monotonic()
        assert client.get(path).status_code == 200
        taken.append(time.monotonic() - begin)
    return taken


def p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100, method="inclusive")[-1]


@pytest.mark.fault("live pages of one run", small=20, full=200, wanted="not read by each of them, ≤ 120 MiB")
def test_open_pages_of_one_run_are_one_reader_of_its_log(web_box: Box, storm: Storm) -> None:
    job = Printing(web_box)
    text = f"{LINE}\\n" * LINES_AT_ONCE
    with ExitStack() as stack, served_at_path(web_box) as site:
        pages = [stack.enter_context(job.page()) for _ in range(storm.size)]
        job.says("first\\n")
        read_until(pages, lambda: all(page.lines for page in pages), "the first line on each page")
        before = bytes_read(site.live.pid)
        for number in range(1, 6):
            job.says(text)
            wanted = 1 + number * LINES_AT_ONCE
            read_until(pages, lambda wanted=wanted: all(len(page.lines) == wanted for page in pages), "the lines")
        times = (bytes_read(site.live.pid) - before) / (5 * LINES_AT_ONCE * (len(LINE) + 1))
        peak = memory(site.live.pid, "VmHWM")
        job.ends()
        read_until(pages, lambda: all(page.is_over for page in pages), "the end of the run on each page")
    assert times < storm.size / 2  # with those looks at the journal that are due meanwhile
    assert peak < 120
    storm.found(f"read {times:.1f} times what it printed, {peak:.0f} MiB")


@pytest.mark.fault("clients that never read", small=6, full=50, wanted="≤ 2 MiB each, others' p99 ≤ 1 s")
def test_clients_that_never_read_cost_little_memory_and_delay_nobody(web_box: Box, storm: Storm) -> None:
    """Half of them follow a run that prints without an end, half load down all that it has printed."""
    web_box.job("endless", f"command: sh -c 'yes {LINE} | head -c {16 * MEBIBYTE}; exec sleep 1000'")
    run_id = started(web_box, "endless")
    with ExitStack() as stack, served_at_path(web_box) as site:
        path = site.address.removeprefix("unix:")
        client = stack.enter_context(site.client())
        answers(client, f"/runs/{run_id}", lambda: True)
        before = memory(site.live.pid)
        for number in range(storm.size):
            stuck = stack.enter_context(socket.socket(socket.AF_UNIX))
            stuck.connect(path)
            what = "events?last=0-0" if number % 2 else "log.txt"
            stuck.sendall(f"GET /runs/{run_id}/{what} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        end = time.monotonic() + (5 if storm.size == 50 else 1)
        taken = answers(client, f"/runs/{run_id}", lambda: time.monotonic() > end)
        more = memory(site.live.pid, "VmHWM") - before
    web_box.process_control("stop", "endless")
    assert more < 2 * max(storm.size, 8)
    assert p99(taken) < (1 if storm.size == 50 else BUSY_SECONDS)
    storm.found(f"{more:.0f} MiB more, others' p99 {p99(taken):.2f} s")


def started(box: Box, job: str) -> str:
    """Start a run that continues; return its id when it has printed something."""
    box.process_control("run", job)
    until(lambda: any(log.stat().st_size for log in box.logs(job)), "its first line")
    return str(box.history(job)[0]["run_id"])


@pytest.mark.fault("wrong passwords", small=48, full=1000, wanted="none gets in, others' p99 ≤ 1 s")
def test_wrong_passwords_delay_nobody_who_is_logged_in(make_web_box: Callable[..., Box], storm: Storm) -> None:
    box = make_web_box(web={"users": users(ann="viewer")})
    box.job("backup", "command: 'true'")
    codes: list[int] = []
    with served(box) as site, logged_in(site, "ann") as ann:
        guessers = [
            threading.Thread(target=guess, args=(site, range(first, storm.size, GUESSERS), codes))
            for first in range(GUESSERS)
        ]
        for each in guessers:
            each.start()
        taken = answers(ann, "/", lambda: not any(each.is_alive() for each in guessers))
    assert len(codes) == storm.size
    assert set(codes) <= {403, 429}
    assert p99(taken) < (1 if storm.size == 1000 else BUSY_SECONDS)
    storm.found(f"none gets in, others' p99 {p99(taken):.2f} s")


def guess(site: Served, numbers: range, codes: list[int]) -> None:
    with site.client(opened=False) as client:
        codes += [log_in(client, f"ann{number % 7}", f"wrong {number}").status_code for number in numbers]
