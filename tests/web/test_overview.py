"""The overview, as a client and as a browser see it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kit.harness import Box
from kit.pages import PHONE, WIDE, Served, page_of, served, shoot, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def site(web_box: Box) -> Iterator[Served]:
    failing = "command: sh -c 'echo disk full >&2; exit 3'\nschedule: '0 3 * * *'\ntags: [nightly]\nowner: ops"
    web_box.job("backup", failing)
    web_box.job("rotate", "command: 'true'\nschedule: '0 4 * * *'\ntags: [nightly]")
    for job in ("backup", "rotate"):
        web_box.run_job(job)
    with served(web_box) as site:
        yield site


def test_the_worst_is_first_with_its_reason_in_words(site: Served) -> None:
    with site.client() as client:
        page = client.get("/").text

    assert "backup is failing since" in page
    assert page.index('data-job="backup"') < page.index('data-job="rotate"')
    assert "exited with 3" in page.replace("&#39;", "'") or "exit code 3" in page


def test_the_filter_is_in_the_address(site: Served) -> None:
    with site.client() as client:
        page = client.get("/?owner=ops").text

    assert 'data-job="backup"' in page
    assert 'data-job="rotate"' not in page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served, width: int, dark: bool) -> None:
    with page_of(browser, site, width=width, dark=dark) as page:
        assert page.locator("h1").inner_text().startswith("backup is failing since")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
        shoot(page, f"overview-{width}{'-dark' if dark else ''}")
