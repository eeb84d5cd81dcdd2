"""docs/screens.md shows what a shop of 30 jobs looks like at 3 a.m.; with 1,000 jobs every screen still fits.

The clock of the commands is that of libfaketime, so that times and widths are always the same.
`PROCESS_CONTROL_DOCS=write` writes the screens into the page; read the difference before it is kept.
"""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kit.harness import PROJECT, Box
from kit.shop import open_shop

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")

PAGE = PROJECT / "docs" / "screens.md"
WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
SCREEN = re.compile(r"(<!-- a screen of (\d+) by (\d+) -->\n```text\n)\$ ([^\n]+)\n(.*?)```\n", re.DOTALL)
NIGHT = datetime(2026, 11, 28, 3, 12, tzinfo=UTC)
SHOP = "/srv/shop-by-night"
"""In place of the directory of the test, and just as long, so that lines break at the same places."""


class Shop:
    """The jobs of a shop at night, and a box to look at them from."""

    def __init__(self, box: Box, directory: Path, count: int) -> None:
        self._box, self._directory = box, str(directory)
        self._configuration = str(open_shop(directory, NIGHT, count))

    def screen(self, command: str, columns: int, lines: int) -> list[str]:
        """Return the lines that a terminal of that size shows for `process-control …`."""
        clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{NIGHT:%Y-%m-%d %H:%M:%S}", "NO_FAKE_STAT": "1"}
        clock |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
        terminal = {"TERM": "dumb", "LANG": "C.UTF-8", "COLUMNS": str(columns), "LINES": str(lines)}
        _, *arguments = shlex.split(command)
        shown = self._box.process_control(
            "--config", self._configuration, *arguments, tty=True, columns=columns, env={**clock, **terminal}
        )
        return [line.rstrip() for line in shown.stdout.replace(self._directory, SHOP).splitlines()]


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="shop-", dir="/tmp") as path:
        assert len(path) == len(SHOP)
        yield Path(path)


@pytest.mark.needs_utc
@pytest.mark.long
def test_the_page_of_screens_shows_what_the_commands_print(box: Box, directory: Path) -> None:
    shop, text = Shop(box, directory, 30), PAGE.read_text()

    def as_printed(found: re.Match[str]) -> str:
        head, columns, lines, command = found[1], int(found[2]), int(found[3]), found[4]
        screen = "".join(f"{line}\n" for line in shop.screen(command, columns, lines))
        return f"{head}$ {command}\n{screen}```\n"

    printed = SCREEN.sub(as_printed, text)
    if WRITING:
        PAGE.write_text(printed)

    assert SCREEN.search(text), "no screens"
    assert text.splitlines() == printed.splitlines()


@pytest.mark.long
def test_with_1000_jobs_every_line_fits_and_status_is_one_screen(box: Box, directory: Path) -> None:
    shop = Shop(box, directory, 1000)
    narrow = ("status --all", "list", "history", "audit", "lint", "show certificates", "status newsletter")
    wide = ("status --all", "history")

    for columns, lines, verbs in ((80, 24, narrow), (160, 50, wide)):
        status = shop.screen("process-control status", columns, lines)
        others = [shop.screen(f"process-control {verb}", columns, lines) for verb in verbs]

        assert len(status) < lines
        assert re.search(r"^not shown: [\d,]+ failing, ", "\n".join(status), re.MULTILINE)
        assert all(others)
        assert [line for shown in (status, *others) for line in shown if len(line) > columns] == []
