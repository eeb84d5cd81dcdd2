"""A real `process-control web` of a box, its clients, and a real browser."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kit.commands import PATIENCE_SECONDS, Live
from kit.harness import Box

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

WITHOUT_NETLINK = Path(__file__).with_name("without_netlink.py")
WIDE, PHONE = 1400, 390
#: Of an element, for `evaluate`.
IS_IN_SIGHT = "each => each.getBoundingClientRect().top >= 0 && each.getBoundingClientRect().bottom <= innerHeight"


class Served:
    """A server that has said that it is ready."""

    def __init__(self, box: Box, live: Live, address: str, run_directory: Path) -> None:
        self.box = box
        self.live = live
        self._run_directory = run_directory
        #: http://127.0.0.1:PORT, or unix:PATH
        self.address = address

    @property
    def link(self) -> str:
        """The address that opens the page without a login."""
        return (self._run_directory / "web.link").read_text().strip()

    @contextmanager
    def client(self, *, opened: bool = True, **keywords: Any) -> Iterator[httpx.Client]:
        """Yield a client; with `opened` one that has opened the link, as a browser does."""
        if self.address.startswith("unix:"):
            keywords |= {"transport": httpx.HTTPTransport(uds=self.address.removeprefix("unix:"))}
        headers = {"sec-fetch-site": "same-origin", **keywords.pop("headers", {})}
        base = "http://localhost" if self.address.startswith("unix:") else self.address
        with httpx.Client(base_url=base, timeout=PATIENCE_SECONDS, headers=headers, **keywords) as client:
            if opened and not self.address.startswith("unix:"):
                answer = client.get(self.link.removeprefix(self.address))
                if answer.status_code != 303:
                    raise RuntimeError(f"the link does not open the page: {answer.status_code} {answer.text}")
            yield client


@contextmanager
def served(
    box: Box,
    *words: str,
    listen: str = "127.0.0.1:0",
    env: dict[str, str] | None = None,
    run_directory: Path | None = None,
    **how: Any,
) -> Iterator[Served]:
    """Serve the page of a box until the end of the context; TERM ends it, and its runs go on.

    `run_directory`: that of another configuration, which the words name.
    """
    path = str(box.root / "notify-web.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o666)
        manager.settimeout(PATIENCE_SECONDS)
        try:
            with box.serve(
                "web", "--listen", listen, *words, env={"NOTIFY_SOCKET": path, **(env or {})}, **how
            ) as live:
                notice = _ready(manager, live)
                try:
                    yield Served(
                        box, live, notice.partition("STATUS=")[2], run_directory or box.state_directory / "run"
                    )
                finally:
                    if live.process.returncode is None:
                        live.signal(15)
                        live.wait()
        finally:
            os.unlink(path)


def _ready(manager: socket.socket, live: Live) -> str:
    """Return the notice that the server answers. Raises AssertionError with what it has printed instead."""
    manager.settimeout(0.5)
    limit = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < limit:
        try:
            return manager.recv(4096).decode()
        except TimeoutError:
            if live.process.poll() is not None:
                break
    raise AssertionError(f"no page is served: {live.wait()}")


def form_token(client: httpx.Client, path: str) -> str:
    """Return the token that the form of a page sends back."""
    return client.get(path).text.partition('name="form_token" value="')[2].partition('"')[0]


def get(site: Served, path: str, **how: Any) -> str:
    """Return the HTML of a screen. `how`: see `Served.client`."""
    with site.client(**how) as client:
        answer = client.get(path)
    if answer.status_code != 200:
        raise AssertionError(f"{path}: {answer.status_code}\n{answer.text}")
    return answer.text


def text_of(html: str) -> str:
    """Return what somebody reads of it."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


# --- the browser -----------------------------------------------------------------------------------------------------


@contextmanager
def chromium() -> Iterator[str]:
    """Start Debian's chromium; yield where `browser_at` finds it. Skip the test where there is none.

    The one that has no window takes a quarter of the processor time.
    """
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed here: apt-get install chromium-headless-shell")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    server_of_browser = ["-m", "playwright", "launch-server", "--browser=chromium", "--config=/dev/stdin"]
    command = [sys.executable, str(WITHOUT_NETLINK), sys.executable, *server_of_browser]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the server of the browser has no pipes")
        server.stdin.write(json.dumps({"executablePath": program, "args": [*flags, "--disable-gpu"]}).encode())
        server.stdin.close()
        try:
            yield server.stdout.readline().decode().strip()
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # what it has started is ended by its last process
            server.stdout.read()


@contextmanager
def browser_at(address: str) -> Iterator["Browser"]:
    """Connect to a browser that runs; its windows are closed at the end of the context."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.connect(address)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(
    browser: "Browser", site: Served, *, width: int = WIDE, dark: bool = False, scripts: bool = True
) -> Iterator["Page"]:
    """Open the page of a server in a window; what a page logs as an error fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    errors: list[str] = []
    try:
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(site.link)
        yield page
    finally:
        context.close()
    if errors:
        raise AssertionError(f"the page has reported errors: {errors}")


def click_through(page: "Page", what: "Locator | str") -> None:
    """Click what leads to another page, and return when all of that is there; a click alone does not wait for it."""
    with page.expect_navigation():
        (page.locator(what) if isinstance(what, str) else what).click()


def violations(page: "Page") -> list[str]:
    """Return what axe finds on a page, WCAG 2.2 AA and best practices: rule, help, place."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state()  # of half a page it would miss the rest
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def shoot(page: "Page", name: str) -> None:
    """Keep a picture of the whole page where PROCESS_CONTROL_PICTURES says."""
    if folder := os.environ.get("PROCESS_CONTROL_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def too_wide(page: "Page") -> list[str]:
    """Return what reaches over the right edge of the window, when the page can be scrolled sideways."""
    page.wait_for_load_state()
    wide: list[str] = page.evaluate(
        """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
        .filter((each) => each.getBoundingClientRect().right > innerWidth)
        .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 60)}`)"""
    )
    return wide
