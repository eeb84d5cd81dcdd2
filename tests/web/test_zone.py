"""The switch of the time zone: every time of a page is in the zone that its reader has chosen."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import httpx
import pytest

from kit.harness import Box
from kit.pages import Served, click_through, form_token, page_of, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OF_BROWSER = "process-control-browser-zone"


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    shared_box.job("backup", "command: echo done\nschedule: '30 2 1 1 *'\ntime_zone: Asia/Tokyo")
    shared_box.run_job("backup")
    with served(shared_box, env={"TZ": "America/New_York"}) as site:
        yield site


def choose(client: httpx.Client, zone: str, **more: str) -> httpx.Response:
    fields = {"zone": zone, "form_token": form_token(client, "/"), "next": "/jobs/backup", **more}
    return client.post("/zone", data=fields)


def test_a_page_shows_the_zone_of_the_host_until_another_one_is_chosen(site: Served) -> None:
    with site.client() as client:
        before = client.get("/jobs/backup").text
        answer = choose(client, "utc")
        after = client.get("/jobs/backup").text

    assert " EST" in before or " EDT" in before
    assert answer.headers["location"] == "/jobs/backup"
    assert " UTC</span></summary>" in after


def test_the_zone_of_a_job_is_offered_on_its_screens_only(site: Served) -> None:
    with site.client() as client:
        choose(client, "job")
        of_job, of_all = client.get("/jobs/backup").text, client.get("/").text

    assert " JST</span></summary>" in of_job
    assert "02:30</time>" in of_job
    assert "Asia/Tokyo" not in of_all
    assert " JST" not in of_all


ZONES = {"host": "America/New_York", "job": "Asia/Tokyo", "mine": "Europe/Berlin", "utc": "UTC"}


@pytest.mark.parametrize("choice", ZONES)
def test_the_clock_times_of_a_log_are_in_the_chosen_zone_also_those_that_come_live(site: Served, choice: str) -> None:
    run = f"/runs/{site.box.history('backup')[0]['run_id']}"
    with site.client() as client:
        client.cookies.set(OF_BROWSER, "Europe/Berlin")
        choose(client, choice)
        page = client.get(f"{run}?times=clock").text
        found = client.get(f"{run}?times=clock&grep=done").text
        stamp = client.get(f"{run}/log.txt?times=clock").text.partition("\t")[0]
        live = client.get(f"{run}/events?times=clock&zone={ZONES[choice] if choice != 'host' else ''}&last=0-0").text
        label = client.get("/jobs/backup").text.partition('class="zone"')[2].partition("</summary>")[0]
        of_run = page.partition('class="zone"')[2].partition("</summary>")[0]

    moment = datetime.fromisoformat(stamp)
    there = moment.astimezone(ZoneInfo(ZONES[choice]))
    clock = f">{there:%H:%M:%S}.{moment.microsecond // 1000:03d}<"
    assert [text.count(clock) for text in (page, found, live)] == [1, 1, 1]
    assert f"{there:%Z}" in label
    assert f"{there:%Z}" in of_run


@pytest.mark.parametrize("name", ["Europe/Berlin", "../../etc/passwd", "/etc/localtime", "X" * 5000, "Europe/Nowhere"])
def test_mine_is_what_the_browser_says_when_that_is_a_zone(site: Served, name: str) -> None:
    with site.client() as client:
        client.cookies.set(OF_BROWSER, name)
        choose(client, "mine")
        page = client.get("/").text

    is_known = name == "Europe/Berlin"
    assert (" CET</span>" in page or " CEST</span>" in page) == is_known
    assert ('value="mine"' in page) == is_known


def test_another_choice_and_another_site_are_refused(site: Served) -> None:
    with site.client() as client:
        assert choose(client, "moon").status_code == 400
        assert choose(client, "utc", form_token="no").status_code == 403
        assert choose(client, "utc", next="https://evil.example/").headers["location"] == "/"


@pytest.mark.needs_utc
def test_a_browser_offers_its_own_zone_and_shows_it(browser: "Browser", site: Served) -> None:
    with page_of(browser, site) as page:
        page.reload()  # the first page of a browser has told the server its zone
        page.locator(".zone summary").click()
        click_through(page, '.zone button[value="mine"]')

        assert page.locator(".zone summary").inner_text().split()[4] == page.evaluate(
            "new Date().toLocaleTimeString('en-US', {timeZoneName: 'short'}).split(' ').pop()"
        )
