"""The page about the fleet is followed from its top, with a server of its own."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, PROJECT, SERVICE_USER, Box, Product, Result
from kit.ports import free_port
from test_docs import Reader, follow

PAGE = PROJECT / "docs/how-to/fleet.md"
PORT = "7233"


class FleetReader(Reader):
    """Somebody who follows the page on a host where another port is free, and `temporal` is installed."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self._port = str(free_port())
        programs = self.home / "bin"
        programs.mkdir()
        shutil.copy(Path(sys.executable).parent / "temporal", programs)  # its own place may be root's alone
        box.environment["PATH"] = f"{programs}:{box.product.prefix}/bin:/usr/local/bin:/usr/bin:/bin"

    def write(self, path: str, text: str) -> None:
        super().write(path, text.replace(PORT, self._port))

    def run(self, command: str) -> Result:
        return super().run(command.replace(PORT, self._port))

    def as_seen(self, printed: str) -> str:
        return super().as_seen(
            re.sub(rf"\b{re.escape(os.uname().nodename)}\b", "db1", printed.replace(self._port, PORT))
        )


@pytest.mark.needs_utc
def test_the_commands_of_the_page_print_what_is_shown(with_fleet: Product, make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False, user=SERVICE_USER if IS_ROOT else None)
    box.product = with_fleet

    faults = follow(PAGE, FleetReader(box))

    assert not faults, "\n\n".join(faults)
