"""Every screen of a shop at 3 a.m., at its widths, light and dark: no fault of axe, nothing wider than the window.

`PROCESS_CONTROL_DOCS=write` writes the pictures of docs/page-screens.md; look at them before they are kept.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kit.harness import PROJECT, Box, Product
from kit.long_output import add_long_output
from kit.pages import PHONE, WIDE, Served, page_of, served, too_wide, violations
from kit.shop import open_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")

PICTURES = PROJECT / "docs" / "pictures"
DOCS_PAGE = PROJECT / "docs" / "page-screens.md"
WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
NIGHT = datetime(2026, 11, 28, 3, 12, tzinfo=UTC)
#: In place of a path: the last run of a job that is looked at.
LAST_RUN = "/runs/"
JOB = "/jobs/certificates"
#: name: path, and how high the picture is.
SCREENS = {
    "overview": ("/", 1000),
    "job": ("/jobs/backup-database-orders", 1500),
    "run": (LAST_RUN, 1300),
    "day": ("/day", 1300),
    "why": ("/why?job=queue-worker-restart", 800),
    "incidents": ("/incidents", 700),
    "recover": ("/recover", 900),
    "audit": ("/audit", 900),
    "act": ("/acts/hold?job=backup-database-orders&job=certificates", 700),
}
LOOKS = [(WIDE, False), (WIDE, True), (PHONE, False)]
MANY_LINES, LONG_LINE = "many lines", "long line"
#: Of hosts with so many jobs: name, path, width, and how high the picture is. Thousands only for the pictures.
SIZES = {
    3: [
        ("overview-of-3", "/", WIDE, 480),
        ("long-line", LONG_LINE, WIDE, 960),
        ("many-lines", MANY_LINES, PHONE, 800),
    ],
    5000: [("overview-of-5000", "/", WIDE, 640), ("overview-of-5000", "/", PHONE, 800)],
}


def clock_of_the_night() -> dict[str, str]:
    """Return the environment in which it is always night."""
    clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{NIGHT:%Y-%m-%d %H:%M:%S}", "NO_FAKE_STAT": "1", "TZ": "UTC"}
    return clock | {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


@contextmanager
def at_night(with_web: Product, directory: Path, configuration: Path) -> Iterator[Served]:
    """Serve the page of a shop, at night."""
    box = Box.configured(with_web)
    try:
        words, run_directory = ("--config", str(configuration)), directory / "state" / "run"
        with served(box, *words, env=clock_of_the_night(), run_directory=run_directory) as site:
            yield site
    finally:
        box.close()


@contextmanager
def new_directory() -> Iterator[Path]:
    """A short path, for it is in the pictures."""
    with tempfile.TemporaryDirectory(prefix="shop-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def empty_directory() -> Iterator[Path]:
    with new_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def shop(with_web: Product) -> Iterator[Served]:
    """The page of a shop with 30 jobs, at night."""
    with (
        new_directory() as directory,
        at_night(with_web, directory, open_shop(directory, NIGHT, 30)) as site,
    ):
        yield site


@pytest.fixture(scope="module")
def page(browser: "Browser", shop: Served) -> Iterator["Page"]:
    """One window for all screens."""
    with page_of(browser, shop) as page:
        yield page


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_sound_at_each_width(page: "Page", shop: Served, name: str) -> None:
    path, height = SCREENS[name]
    page.set_viewport_size({"width": WIDE, "height": height})
    page.goto(f"{shop.address}{path if path != LAST_RUN else last_run(page, shop)}")
    for width, dark in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == [], (width, dark)
        if WRITING:
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / picture(name, width, dark=dark))


@pytest.mark.parametrize("jobs", SIZES if WRITING else [min(SIZES)])
def test_few_jobs_very_many_and_very_much_output(
    browser: "Browser", with_web: Product, empty_directory: Path, jobs: int
) -> None:
    configuration = open_shop(empty_directory, NIGHT, jobs - 1)
    many_lines, long_line = add_long_output(empty_directory, NIGHT)
    paths = {MANY_LINES: f"/runs/{many_lines}?times=clock#last", LONG_LINE: f"/runs/{long_line}"}
    with at_night(with_web, empty_directory, configuration) as site:
        with site.client() as client:
            client.get("/")  # the first one reads all job files
        for name, path, width, height in SIZES[jobs]:
            with page_of(browser, site, width=width) as page:
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(reduced_motion="reduce")
                page.goto(site.address + paths.get(path, path))
                assert too_wide(page) == []
                assert violations(page) == []
                if WRITING:
                    page.screenshot(path=PICTURES / picture(name, width, dark=False))


def last_run(page: "Page", shop: Served) -> str:
    page.goto(f"{shop.address}{JOB}")
    return str(page.locator(f"a[href^='{LAST_RUN}']").first.get_attribute("href"))


def picture(name: str, width: int, *, dark: bool) -> str:
    return f"{name}-{width}{'-dark' if dark else ''}.png"


def test_the_page_of_pictures_shows_each_screen_and_no_other() -> None:
    text = DOCS_PAGE.read_text()
    named = {picture(name, width, dark=dark) for name in SCREENS for width, dark in LOOKS}
    named |= {picture(name, width, dark=False) for screens in SIZES.values() for name, _, width, _ in screens}

    assert {path.name for path in PICTURES.glob("*.png")} == named
    assert all(f"pictures/{name}" in text for name in named)
