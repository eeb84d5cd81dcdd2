"""The page beside `up`, where it is installed: started, named, ended."""

import importlib.util
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import NotStarted
from process_control.system.interpreter import python
from process_control.system.linux import set_parent_death_signal

#: What it needs besides; the verb `web` says how to install it.
NEEDS = ("starlette", "uvicorn", "jinja2", "sse_starlette")
STARTS_WITHIN_SECONDS = 30.0
#: Any port, when the one of the configuration is taken.
ANY_PORT = "127.0.0.1:0"
_STATUS = "STATUS="


@contextmanager
def page_beside(settings: Settings, config: str | None) -> Iterator[str]:
    """Serve the page until the end of the context; yield a line with its address, "" where it is not installed."""
    if not all(importlib.util.find_spec(name) for name in NEEDS):
        yield ""
        return
    page, address = _start(settings, config)
    try:
        yield f"page: {address}" if address else ""
    finally:
        if page.poll() is None:
            page.terminate()
        page.wait()


def _start(settings: Settings, config: str | None) -> tuple["subprocess.Popen[bytes]", str]:
    """Start the server, on any port when another program has its own; return it with the address to open."""
    page, address = _start_at([], config)
    if page.poll() == NotStarted.exit_code:
        page, address = _start_at(["--listen", ANY_PORT], config)
    link = Path(layout.web_link(settings.run_directory))
    if address and not settings.web_users and link.exists():
        address = link.read_text().strip()
    return page, address


def _start_at(words: list[str], config: str | None) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a server; return it and what it says of its address when it answers, "" when it has ended."""
    program = str(Path(__file__).parents[2] / "entry" / "commands.py")
    named = ["--config", os.path.abspath(config)] if config else []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.bind("")  # the kernel chooses a name in the abstract namespace, see unix(7)
        manager.settimeout(0.1)
        name = "@" + manager.getsockname()[1:].decode()
        page = subprocess.Popen(
            [*python(), "-I", "-S", program, *named, "web", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Control-C is for the view, which ends first
            env={**os.environ, "NOTIFY_SOCKET": name},
            preexec_fn=lambda: set_parent_death_signal(signal.SIGTERM),  # noqa: PLW1509  one thread
        )
        limit = time.monotonic() + STARTS_WITHIN_SECONDS
        while page.poll() is None and time.monotonic() < limit:
            try:
                return page, manager.recv(4096).decode().partition(_STATUS)[2]
            except TimeoutError:
                continue
    return page, ""
