"""Acting by the page: first what will be touched and a note, then it is done, and the audit has who did it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from kit.harness import Box, until
from kit.pages import Served, click_through, form_token, page_of, served, violations
from kit.runs import records

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def box(web_box: Box) -> Box:
    web_box.job("backup", "command: sleep 300\nschedule: '0 3 * * *'")
    web_box.job("rotate", "command: 'true'\nschedule: '0 4 * * *'")
    return web_box


@pytest.fixture
def site(box: Box) -> Iterator[Served]:
    with served(box) as site:
        yield site


def do(client: httpx.Client, verb: str, *jobs: str, **fields: str) -> httpx.Response:
    """Send the form of an act, as a browser does after the preview."""
    token = form_token(client, f"/acts/{verb}?job={jobs[0]}")
    return client.post(f"/acts/{verb}", data={"form_token": token, "job": list(jobs), **fields})


def health(box: Box, job: str) -> str:
    return str(box.process_control("status", job, "--json").json()["jobs"][0]["health"])


def test_several_jobs_are_held_with_a_note_and_released(box: Box, site: Served) -> None:
    with site.client() as client:
        preview = client.get("/acts/hold?job=backup&job=rotate").text
        held = do(client, "hold", "backup", "rotate", note="disk is full")
        assert (health(box, "backup"), health(box, "rotate")) == ("held", "held")
        do(client, "release", "backup", "rotate")

    assert "hold 2 jobs" in preview
    assert "the same" in preview.lower()
    assert "process-control hold backup rotate" in preview
    assert held.text.count(": held") == 2
    assert health(box, "backup") != "held"
    holds = records(box, "hold")
    assert {(each["job"], each["detail"]) for each in holds} == {("backup", "disk is full"), ("rotate", "disk is full")}
    assert all(str(each["by"]).startswith("link (page)") for each in holds)


def test_a_run_is_started_and_stopped(box: Box, site: Served) -> None:
    with site.client() as client:
        started = do(client, "run", "backup").text
        running = box.process_control("status", "backup", "--json").json()["jobs"][0]["running"]
        assert f"/runs/{running['run_id']}" in started
        stopped = do(client, "stop", "backup").text

    assert f"stopped run {running['run_id']}" in stopped
    until(lambda: box.process_control("status", "backup", "--json").json()["jobs"][0]["running"] is None, "its end")


def test_a_run_outlives_the_page(box: Box) -> None:
    with served(box) as site, site.client() as client:
        do(client, "run", "backup")
    running = box.process_control("status", "backup", "--json").json()["jobs"][0]["running"]

    assert running is not None
    assert box.process_control("stop", "backup").exit_code == 0


@pytest.mark.parametrize(
    ("verb", "fields", "what"),
    [
        ("pause", {"for": "soon"}, "for: not a time above 0: soon"),
        ("silence", {"for": ""}, "for: not a time above 0"),
        ("burn", {}, "no such act: burn"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(
    box: Box, site: Served, verb: str, fields: dict[str, str], what: str
) -> None:
    with site.client() as client:
        token = form_token(client, "/acts/hold?job=backup")
        answer = client.post(f"/acts/{verb}", data={"form_token": token, "job": "backup", **fields})

    assert answer.status_code == 400
    assert what in answer.text
    assert health(box, "backup") != "held"


def test_nobody_acts_while_the_page_is_read_only(make_web_box: Callable[..., Box]) -> None:
    box = make_web_box()
    box.job("backup", "command: 'true'")
    with served(box, "--read-only") as site, site.client() as client:
        page = client.get("/jobs/backup").text
        preview = client.get("/acts/hold?job=backup")

    assert "/acts/hold" not in page
    assert preview.status_code == 403
    assert "the page is read-only" in preview.text


def test_in_a_browser_a_selection_is_paused_from_the_overview(box: Box, browser: "Browser", site: Served) -> None:
    with page_of(browser, site) as page:
        page.check("input[value=backup]")
        page.check("input[value=rotate]")
        click_through(page, "button[value=pause]")
        assert violations(page) == []
        page.fill("input[name=for]", "3h")
        page.fill("input[name=note]", "maintenance")
        click_through(page, "button.primary")
        page.wait_for_selector("text=pause: 2 jobs")
        assert violations(page) == []

    assert (health(box, "backup"), health(box, "rotate")) == ("held", "held")


def test_without_javascript_all_of_it_works(box: Box, browser: "Browser", site: Served) -> None:
    with page_of(browser, site, scripts=False) as page:
        click_through(page, page.locator("text=rotate").first)
        click_through(page, page.locator("text=hold").first)
        click_through(page, "button.primary")
        page.wait_for_selector("h1:has-text('hold: rotate')")

    assert health(box, "rotate") == "held"
