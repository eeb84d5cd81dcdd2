"""The screen recover: what an outage left, what is chosen of it, and how far that is."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from kit.harness import Box, until
from kit.outages import as_iso, hours_ago, planned_at, there_since
from kit.pages import (
    PHONE,
    Served,
    click_through,
    form_token,
    get,
    page_of,
    served,
    shoot,
    text_of,
    too_wide,
    violations,
)
from kit.runs import script
from process_control.web.access.store import TOKENS, GrantStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser

JOBS = ("each", "bad", "newest")
SLOTS = [hours_ago(count) for count in (4, 3, 2)]


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    root = shared_box.root
    note = script(shared_box, "note.sh", f'echo "$PROCESS_CONTROL_SCHEDULED_AT" >> {root}/$PROCESS_CONTROL_JOB')
    for job in JOBS:
        failing = "sh -c 'exit 3'"
        shared_box.job(job, f"command: {failing if job == 'bad' else note}\n{planned_at(*SLOTS)}")
    shared_box.job("left-alone", f"command: {note}\n{planned_at(*SLOTS)}\ncatch_up: none")
    there_since(shared_box, hours_ago(6))
    with served(shared_box) as site:
        yield site


def post(site: Served, path: str, **fields: str) -> httpx.Response:
    with site.client() as client:
        fields = {"form_token": form_token(client, "/"), "since": "1d", **fields}
        return client.post(path, data=fields)


def rows(html: str) -> dict[str, str]:
    """Return what is proposed for each job."""
    row = r'<th scope="row" class="text"><a href="/jobs/([^"]*)">.*?<td>.*?</td>\s*<td>(.*?)</td>'
    found = re.findall(row, html, re.DOTALL)
    chosen = {job: re.search(r'value="([a-z]*)" selected', cell) for job, cell in found}
    return {job: each[1] for job, each in chosen.items() if each is not None}


def test_the_proposals_are_those_of_the_command(site: Served) -> None:
    page = get(site, "/recover?since=1d")
    told = site.box.process_control("recover", "--since", "1d", "--json").json()["proposals"]

    assert rows(page) == {each["job"]: each["proposal"] for each in told}
    assert rows(page) == {"bad": "once", "each": "once", "left-alone": "leave", "newest": "once"}
    assert "4 jobs with 12 planned times missed or lost" in text_of(page)
    assert "process-control recover --since 1d" in page
    assert "Nothing was missed or lost" in get(site, "/recover?since=1m")
    assert "not a time" in text_of(get(site, "/recover?since=full-moon"))


def test_what_is_chosen_is_shown_once_more_before_it_is_started(site: Served) -> None:
    page = post(site, "/recover/preview", **{"proposal:each": "each", "proposal:newest": "once", "at_once": "3"}).text

    assert "Recover: start 4 runs" in page
    assert "(2 older ones are left)" in page
    assert 'name="at_once" value="3"' in page
    assert "nothing is chosen" in post(site, "/recover/preview").text
    assert post(site, "/recover/preview", **{"proposal:each": "all"}).status_code == 400
    assert post(site, "/recover/start", at_once="0", **{"proposal:each": "each"}).status_code == 400
    assert post(site, "/recover/start", form_token="wrong").status_code == 403


def test_a_viewer_gets_the_command_instead_of_a_form(site: Served) -> None:
    secret, _ = GrantStore(str(site.box.state_directory), TOKENS).add(name="v", role="viewer", seconds=600, by="a test")
    viewer = {"authorization": f"Bearer {secret}"}
    page = get(site, "/recover?since=1d", opened=False, headers=viewer)
    with site.client(opened=False, headers=viewer) as client:
        refused = client.post("/recover/start", data={"since": "1d", "proposal:each": "each"})

    assert "<select" not in page.partition("<main")[2]
    assert "process-control recover --since 1d --yes" in page
    assert refused.status_code == 403


def test_a_server_that_starts_nothing_offers_the_command_to_paste(web_box: Box) -> None:
    web_box.job("backup", f"command: 'true'\n{planned_at(*SLOTS)}")
    there_since(web_box, hours_ago(6))
    with served(web_box, "--no-starts") as site:
        page = get(site, "/recover?since=1d")
        answer = post(site, "/recover/start", **{"proposal:backup": "once"})
        progress = text_of(get(site, "/recover/progress"))

    assert "This server starts no job, and no scheduler runs." in text_of(page)
    assert "process-control recover --since 1d --yes" in page
    assert answer.status_code == 409
    assert "--yes" in answer.text
    assert "This server has started no recovery." in progress
    assert web_box.history("backup") == []


def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE, dark=True) as page:
        page.goto(f"{site.address}/recover?since=1d")
        assert too_wide(page) == []
        assert violations(page) == []
        shoot(page, "recover")
        click_through(page, page.get_by_role("button", name="Look at what will be started"))
        assert too_wide(page) == []
        assert violations(page) == []
        shoot(page, "recover-preview")


def test_it_runs_each_time_once_and_in_order_without_scripts(browser: "Browser", site: Served) -> None:
    """The last one of this file: nothing is left to recover after it."""
    with page_of(browser, site, scripts=False) as page:
        page.goto(f"{site.address}/recover?since=1d")
        page.select_option('select[name="proposal:each"]', "each")
        page.select_option('select[name="proposal:bad"]', "each")
        click_through(page, page.get_by_role("button", name="Look at what will be started"))
        click_through(page, page.get_by_role("button", name="start", exact=True))
        assert page.url.endswith("/recover/progress")
        until(lambda: "It is over." in text_of(get(site, "/recover/progress")), "the end of the recovery")
        click_through(page, page.get_by_role("link", name="Look again"))
        words = page.locator("main").inner_text()
        shoot(page, "recover-progress")

    assert "4 of 7 run, 1 failed, 2 left." in words
    of_each = [run for run in site.box.history("each") if run["outcome"] == "succeeded"]
    assert sorted(run["scheduled_at"] for run in of_each) == [as_iso(slot) for slot in SLOTS]
    assert (site.box.root / "each").read_text().split() == [as_iso(slot) for slot in SLOTS]
    assert [run["scheduled_at"] for run in site.box.history("newest")] == [as_iso(SLOTS[-1])]
    assert [run["scheduled_at"] for run in site.box.history("bad")] == [as_iso(SLOTS[0])]
    assert all(run["trigger"] == "web" for run in of_each)
    assert rows(get(site, "/recover?since=1d")).keys() == {"bad", "left-alone"}
