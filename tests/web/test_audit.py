"""The screen audit: who did what, newest first."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kit.harness import TESTER, Box
from kit.pages import PHONE, Served, get, page_of, served, shoot, text_of, too_wide, violations
from kit.past import Past, yesterday
from process_control.web.access.caller import Caller
from process_control.web.pages.audit import events_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: More than two parts of the list, many of one moment.
RUNS = 130


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    past = Past(shared_box)
    shared_box.job("backup", "command: 'true'")
    shared_box.job("other", "command: 'true'")
    for number in range(RUNS):
        past.start_of("other", yesterday() + timedelta(minutes=number // 60), seconds=60)
    with served(shared_box) as site:
        site.box.process_control("hold", "backup", "--note", "<i>the disk</i> moves")
        site.box.process_control("release", "backup")
        yield site


def rows(html: str) -> list[str]:
    return [text_of(row).strip() for row in re.findall(r"<tr>(.*?)</tr>", html.partition("<tbody>")[2], re.DOTALL)]


def test_it_has_what_the_command_has_newest_first(site: Served) -> None:
    page = get(site, "/audit?job=backup")
    events = site.box.process_control("audit", "backup", "--limit", "0", "--json").json()["events"]

    assert [row.split()[2] for row in rows(page)] == [each["event"] for each in reversed(events)]
    assert "<i>the disk" not in page
    assert "<i>the disk</i> moves" in text_of(page)
    assert TESTER in rows(page)[0]


def test_cursors_lead_through_all_of_it_without_a_gap(site: Served) -> None:
    total = len(site.box.process_control("audit", "other", "--limit", "0", "--json").json()["events"])
    found, path = 0, "/audit?job=other"
    while path:
        page = get(site, path)
        found += len(rows(page))
        following = re.search(r'<a href="(/audit\?[^"]*)">Older ones', page)
        path = following[1].replace("&amp;", "&") if following else ""

    assert found == total
    assert total >= 2 * RUNS


def test_a_filter_narrows_it(site: Served) -> None:
    of_people = rows(get(site, "/audit?event=people"))
    old = rows(get(site, f"/audit?until={yesterday(1):%Y-%m-%d}"))

    assert {row.split()[2] for row in of_people} == {"hold", "release", "web"}  # the link that was opened
    assert not [row for row in old if "hold" in row]
    assert "Nothing of this is in the journal." in text_of(get(site, "/audit?job=backup&event=gap"))
    assert "not a time" in text_of(get(site, "/audit?since=full-moon"))
    with site.client() as client:
        assert client.get("/audit?event=no-such-event").status_code == 400
        assert client.get("/audit?cursor=!!").status_code in (200, 400)


def test_logins_are_for_admins(monkeypatch: pytest.MonkeyPatch) -> None:
    events = {"web": "a login", "hold": "a hold"}
    monkeypatch.setattr("process_control.core.records.EVENTS", events)
    viewer, admin = (Caller(name="ann", role=role, via="token") for role in ("viewer", "admin"))

    assert events_of(viewer, "") == ["hold"]
    assert events_of(viewer, "people") == ["hold"]
    assert events_of(admin, "") == ["web", "hold"]


def test_keys_lead_to_screens_and_through_rows(browser: "Browser", site: Served) -> None:
    with page_of(browser, site) as page:
        page.keyboard.press("r")
        page.wait_for_url("**/recover")
        page.keyboard.press("a")
        page.wait_for_url("**/audit")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement === document.querySelector('tbody tr a')")
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        assert violations(page) == []


def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE, dark=True) as page:
        page.goto(f"{site.address}/audit?event=people")
        assert too_wide(page) == []
        assert violations(page) == []
        shoot(page, "audit")
