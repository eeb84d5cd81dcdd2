"""Live updates: what a run prints while its page is open, once and whole, whatever happens to the server."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from kit import network
from kit.harness import Box, Fifo, Live, Storm, until
from kit.pages import Served, page_of, served
from kit.ports import free_port
from process_control.config.settings import Settings
from process_control.history.log_rows import At
from process_control.views.log_pages import LogOfRun, News, news_of
from process_control.web.run_feed import RunFeed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LINE = re.compile(r'id="L(\d+)".*?class="text">(.*?)</span></div>')


class Page:
    """An open page without a browser: one connection for events, and what has come by it."""

    def __init__(self, path: str, run_path: str, last: str) -> None:
        self.path, self.run_path, self.last = path, run_path, last
        self.lines: list[str] = []
        self.begun: list[str] = []
        self.is_over = False
        self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def connect(self) -> None:
        if hasattr(self, "socket"):
            self.socket.close()
        self.buffer = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        request = f"GET {self.run_path}/events HTTP/1.0\r\nHost: localhost\r\nLast-Event-ID: {self.last}\r\n\r\n"
        self.socket.sendall(request.encode())
        self.socket.setblocking(False)

    def read(self) -> bool:
        """Read what has come; return whether the connection is still there."""
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            if not data:
                return False
            self.buffer += data
            self._take()

    def _take(self) -> None:
        *whole, self.buffer = self.buffer.split(b"\r\n\r\n")
        for event in whole:
            fields = [line.partition(": ")[::2] for line in event.decode().split("\r\n")]
            data = "\n".join(value for name, value in fields if name == "data")
            kind = dict(fields).get("event")
            self.last = dict(fields).get("id", self.last)
            self.is_over |= kind == "end"
            if kind == "rows":
                rows = [row for row in data.split("\n") if row]
                self.lines += [LINE.findall(row)[0][1] for row in rows if 'class="row' in row and "begun" not in row]
                self.begun = [LINE.findall(row)[0][1] for row in rows if "begun" in row]


class Printing:
    """A job that prints each line that it is given, while it runs."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.fifo: Fifo = box.fifo("lines")
        script = box.root / "print.sh"
        script.write_text(
            f'while read -r line; do case "$line" in end) exit 3;; *) printf "$line";; esac; done < {self.fifo}\n'
        )
        box.job("printing", f"command: sh {script}")
        self.live: Live = box.start("printing")
        until(lambda: box.history("printing"), "the start of the run")
        self.run_id = box.history("printing")[0]["run_id"]
        self.path = f"/runs/{self.run_id}"

    def page(self) -> Page:
        return Page(str(self.box.root / "page.sock"), self.path, "0-0")

    def says(self, text: str) -> None:
        self.fifo.write_line(text)

    def ends(self) -> None:
        self.fifo.write_line("end")
        self.live.wait()


@contextmanager
def served_at_path(box: Box) -> Iterator[Served]:
    with served(box, listen=f"unix:{box.root / 'page.sock'}") as site:
        yield site


def killed(site: Served) -> None:
    site.live.process.kill()
    site.live.wait()


def read_until(pages: list[Page], condition: Any, what: str) -> None:
    def look() -> bool:
        for page in pages:
            page.read()
        return bool(condition())

    until(look, what, seconds=60)


@pytest.mark.fault("pages open while the server is killed", small=8, full=200, wanted="no line lost or doubled")
def test_pages_get_each_line_once_though_the_server_is_killed_and_others_never_read(web_box: Box, storm: Storm) -> None:
    job = Printing(web_box)
    wanted = [f"line {number}." for number in range(60)]
    with ExitStack() as stack:
        with served_at_path(web_box) as site:
            pages = [stack.enter_context(job.page()) for _ in range(storm.size)]
            stack.enter_context(job.page())  # never reads
            for line in wanted[:20]:
                job.says(f"{line}\\n")
            read_until(pages, lambda: all(len(page.lines) == 20 for page in pages), "20 lines on each page")
            killed(site)
        job.says("".join(f"{line}\\n" for line in wanted[20:40]))
        with served_at_path(web_box):
            assert not any(page.read() for page in pages)
            for page in pages:
                page.connect()
            for line in wanted[40:]:
                job.says(f"{line}\\n")
            job.says("no end")
            job.ends()
            read_until(pages, lambda: all(page.is_over for page in pages), "the end of the run on each page")
    assert [page.lines for page in pages] == [[*wanted, "no end"]] * len(pages)
    storm.found("no line lost or doubled")


def test_a_line_that_is_rewritten_is_shown_as_it_is_now(web_box: Box) -> None:
    job = Printing(web_box)
    with served_at_path(web_box), job.page() as page:
        job.says("10%%")
        read_until([page], lambda: page.begun == ["10%"], "the bar")
        job.says("\\r 60%%")
        read_until([page], lambda: page.begun == [" 60%"], "the bar further")
        job.says("\\r100%%\\n")
        read_until([page], lambda: page.lines == ["100%"], "the bar at its end")
        job.ends()


def test_the_server_stops_in_time_though_pages_are_open(web_box: Box) -> None:
    job = Printing(web_box)
    with ExitStack() as stack, served_at_path(web_box) as site:
        pages = [stack.enter_context(job.page()) for _ in range(5)]
        job.says("hello\\n")
        read_until(pages, lambda: all(page.lines for page in pages), "a line")
        began = time.monotonic()
        site.live.signal(15)
        result = site.live.wait()
        seconds = time.monotonic() - began
    job.ends()
    assert seconds < 15  # else for ever
    assert "Traceback" not in result.stderr


class UntilNineteen(RunFeed):
    """A feed of a run that has ended when it has printed 19."""

    def _has_ended(self) -> bool:
        return Path(self._log.path).read_bytes().endswith(b"19\n")


def test_two_hundred_pages_of_a_run_are_one_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"")
    log = LogOfRun(run_id="r", job="j", path=str(path), began=None, secrets=(), is_growing=True, doubts=())
    reads: list[At] = []
    settings = cast(Settings, SimpleNamespace(state_directory=str(tmp_path)))

    def read(log: LogOfRun, at: At, **how: Any) -> News:
        reads.append(at)
        return news_of(log, at, **how)

    def append(line: bytes) -> None:
        if line == b"20\n":
            return
        with open(path, "ab") as file, open(f"{path}.idx", "ab") as index:
            file.write(line)
            file.flush()
            index.write(b"1 o %d\n" % len(line))

    async def story() -> list[list[bytes]]:
        feed = UntilNineteen(settings, log, read=read)
        seen: list[list[bytes]] = [[] for _ in range(201)]

        async def listen(number: int) -> None:
            async for shown in feed.news(At()):
                if shown is None:
                    return
                seen[number] += [row.text for row in shown.news.rows]
                if number == 0:
                    append(b"%d\n" % len(seen[0]))
                    gone.cancel()

        append(b"0\n")
        listeners = [asyncio.create_task(listen(number)) for number in range(200)]
        gone = asyncio.create_task(listen(200))
        await asyncio.gather(*listeners)
        return seen

    seen = asyncio.run(story())
    assert seen[:200] == [[b"%d" % number for number in range(20)]] * 200
    assert len(reads) < 100


def test_two_hundred_pages_that_are_far_behind_at_the_same_place_are_one_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = [b"%06d" % number for number in range(60_000)]  # more than is kept for pages that are a little behind
    path.write_bytes(b"\n".join([*lines, b"19\n"]))
    log = LogOfRun(run_id="r", job="j", path=str(path), began=None, secrets=(), is_growing=True, doubts=())
    settings = cast(Settings, SimpleNamespace(state_directory=str(tmp_path)))
    size = path.stat().st_size
    reads: list[At] = []

    def read(log: LogOfRun, at: At, **how: Any) -> News:
        reads.append(at)
        return news_of(log, at, **how)

    async def listen(feed: RunFeed, count: int) -> int:
        seen = 0
        async for shown in feed.news(At()):
            if shown is None:
                break
            seen += len(shown.news.rows)
            if seen > count:
                break
        return seen

    async def story() -> list[int]:
        feed = UntilNineteen(settings, log, read=read)
        async for shown in feed.news(At(size, size)):  # somebody is at the end
            assert shown is None
        gone = asyncio.create_task(listen(feed, 0))  # one page leaves while the others read
        return await asyncio.gather(*(listen(feed, len(lines) + 1) for _ in range(200)), gone)

    seen = asyncio.run(story())
    assert seen[:200] == [len(lines) + 1] * 200
    assert len(reads) < 30


def test_a_browser_follows_a_run_to_its_verdict_and_says_when_the_connection_is_lost(
    browser: "Browser", web_box: Box
) -> None:
    job = Printing(web_box)
    job.says("first\\n")
    with browser.new_context() as context:
        page = context.new_page()
        listen = f"127.0.0.1:{free_port()}"  # the next server must have it too
        with served(web_box, listen=listen) as site:
            page.goto(site.link)
            page.goto(f"{site.address}{job.path}")
            page.get_by_text("first").wait_for()
            job.says("\\033[31msecond\\033[0m\\n")
            page.locator(".t-red").wait_for()
            for number in range(100):
                job.says(f"more {number}.\\n")
            page.get_by_text("more 99.").wait_for()
            # Not smoothly: what comes would still find it at the end.
            page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            job.says("while reading\\n")
            page.get_by_text("while reading").wait_for(state="attached")
            assert page.evaluate("scrollY") == 0
            page.get_by_role("button", name="Follow").wait_for()
            killed(site)
        page.locator("#lost").wait_for(state="visible")
        job.says("meanwhile\\n")
        with served(web_box, listen=listen) as site:
            context.new_page().goto(site.link)
            page.get_by_text("meanwhile").wait_for(state="attached")
            page.locator("#lost").wait_for(state="hidden")
            job.ends()
            page.get_by_text("exited with 3").first.wait_for(state="attached")
            texts = page.locator("#log .text").all_inner_texts()
    assert texts == ["first", "second", *[f"more {number}." for number in range(100)], "while reading", "meanwhile"]


@pytest.mark.needs_root
def test_the_browser_of_these_tests_does_not_hear_of_networks_that_other_tests_make(
    browser: "Browser", web_box: Box
) -> None:
    network.needed()
    job = Printing(web_box)
    job.says("first\\n")
    with served(web_box) as site, page_of(browser, site) as page, network.network() as hosts:
        page.goto(f"{site.address}{job.path}")
        page.get_by_text("first").wait_for()
        # More than the six connections to one server: the others wait for one, and would be given up.
        read = f"fetch('{job.path}/events').then(answer => answer.text()).then(() => 'read', error => `${{error}}`)"
        page.evaluate(f"window.answers = Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => {read})); 0")
        hosts.add_host().cut()
        job.ends()
        assert page.evaluate("window.answers") == ["read"] * 8
