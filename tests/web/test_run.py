"""The screen of a run: the reason first, its attempts, the last good run, and how it looks and prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kit.harness import Box
from kit.pages import PHONE, Served, page_of, served, shoot, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PRINTED = r"\033[31mred alarm\033[0m\n 10%%\r 60%%\r100%%\n412 rows\n"
COLOURS = f"""command: sh -c 'printf "{PRINTED}"; cat FILE >&2; exit CODE'"""


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    said = shared_box.root / "said"
    text = COLOURS.replace("FILE", str(said))
    said.write_text("warming up 7\n")
    shared_box.job("backup", text.replace("CODE", "0") + "\nstderr: ignore")
    assert shared_box.run_job("backup").exit_code == 0
    said.write_text("warming up 8\ncannot reach db7\n")
    shared_box.job("backup", text.replace("CODE", "3") + "\nretry: {attempts: 2, delay: 0.01s}\ntimeout: 1m")
    assert shared_box.run_job("backup").exit_code == 3
    shared_box.job("skipped", "command: 'true'\ndisabled: true")
    with served(shared_box) as site:
        yield site


def test_the_reason_is_first_and_what_differs_from_the_last_good_run_is_named(site: Served) -> None:
    failed, good = site.box.history("backup")
    with site.client() as client:
        page = client.get(f"/runs/{failed['run_id']}").text

    assert "exited with 3" in page
    assert page.index("exited with 3") < page.index('id="facts"') < page.index('id="output"')
    assert page.count('<rect class="o-failed"') == 2
    assert f'href="/runs/{good["run_id"]}"' in page
    news = page.partition("New on stderr")[2].partition("</ul>")[0]
    assert "cannot reach db7" in news
    assert "warming up" not in news
    assert "/acts/run?job=backup" in page
    assert "/why?job=backup" in page
    assert 'rel="prev"' in page


def test_an_unknown_run_is_a_page_that_says_so(site: Served) -> None:
    with site.client() as client:
        answer = client.get("/runs/nonesuch")

    assert answer.status_code == 404
    assert "no run" in answer.text


def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served) -> None:
    run_id = site.box.history("backup")[0]["run_id"]
    with page_of(browser, site, width=PHONE, dark=True) as page:
        page.goto(f"{site.address}/runs/{run_id}?times=relative")
        assert page.locator(".t-red").first.inner_text() == "red alarm"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, "run")
        assert violations(page) == []


def test_its_print_has_reason_and_output_and_no_navigation(browser: "Browser", site: Served) -> None:
    run_id = site.box.history("backup")[0]["run_id"]
    with page_of(browser, site) as page:
        page.goto(f"{site.address}/runs/{run_id}")
        pdf = page.pdf()
        page.emulate_media(media="print")
        text = page.locator("body").inner_text()

    assert pdf.startswith(b"%PDF")
    assert "exited with 3" in text
    assert "cannot reach db7" in text
    assert "412 rows" in text
    assert "Overview" not in text
    assert "download" not in text
