"""Every screen of a shop at 3 a.m., at its widths, light and dark: no fault of axe, nothing wider than the window.

`PROCESS_CONTROL_DOCS=write` writes the pictures of docs/page-screens.md; look at them before they are kept.
"""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kit.harness import PROJECT, Box, Product
from kit.pages import PHONE, WIDE, Served, page_of, served, violations
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


def clock_of_the_night() -> dict[str, str]:
    """Return the environment in which it is always night."""
    clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{NIGHT:%Y-%m-%d %H:%M:%S}", "NO_FAKE_STAT": "1", "TZ": "UTC"}
    return clock | {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture(scope="module")
def shop(product: Product, with_web: Product) -> Iterator[Served]:
    """The page of a shop with 30 jobs, at night."""
    box = Box.configured(with_web)
    try:
        with tempfile.TemporaryDirectory(prefix="shop-", dir="/tmp") as directory:
            configuration = open_shop(Path(directory), NIGHT, 30)
            words = ("--config", str(configuration))
            run_directory = Path(directory) / "state" / "run"
            with served(box, *words, env=clock_of_the_night(), run_directory=run_directory) as site:
                yield site
    finally:
        box.close()


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


def last_run(page: "Page", shop: Served) -> str:
    page.goto(f"{shop.address}{JOB}")
    return str(page.locator(f"a[href^='{LAST_RUN}']").first.get_attribute("href"))


def picture(name: str, width: int, *, dark: bool) -> str:
    return f"{name}-{width}{'-dark' if dark else ''}.png"


def test_the_page_of_pictures_shows_each_screen_and_no_other() -> None:
    text = DOCS_PAGE.read_text()
    named = {picture(name, width, dark=dark) for name in SCREENS for width, dark in LOOKS}

    assert {path.name for path in PICTURES.glob("*.png")} == named
    assert all(f"pictures/{name}" in text for name in named)
