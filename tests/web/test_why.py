"""The screen why: the sentences of the command, now and for any planned time, and what the page can do about it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from kit.harness import Box
from kit.pages import PHONE, Served, get, page_of, served, shoot, text_of, too_wide, violations
from kit.past import Past, yesterday
from process_control.core.moments import in_local_time
from process_control.web.remedies import remedy_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    past = Past(shared_box)
    shared_box.job("backup", "command: 'true'\nschedule: '30 2 * * *'\ntime_zone: UTC")
    shared_box.job("other", "command: 'true'\nschedule: '30 2 * * *'\ntime_zone: UTC")
    for job in ("backup", "other"):
        past.version(yesterday(0, 0, days=4), job)
    past.start_of("other", yesterday())
    past.start_of("backup", yesterday(days=2), outcome="failed", reason="exit_code", exit_code=3)
    with served(shared_box) as site:
        site.box.process_control("hold", "other", "--note", "<b>moving</b> the disk")
        yield site


def sentences(html: str) -> list[str]:
    """Return the answer as the command prints it: without what the page adds."""
    answer = html.partition('<ol class="answer">')[2].partition("</ol>")[0]
    found = re.findall(r"<li[^>]*>(.*?)</li>", answer, re.DOTALL)
    return [text_of(re.sub(r"<a [^>]*>.*?</a>", "", each)).strip() for each in found]


@pytest.mark.parametrize(
    ("job", "at"), [("backup", None), ("other", None), ("backup", f"{yesterday():%Y-%m-%dT02:30}")]
)
def test_the_sentences_are_those_of_the_command(site: Served, job: str, at: str | None) -> None:
    def told() -> list[str]:
        found = site.box.process_control("why", job, *([at] if at else []), "--json").json()["sentences"]
        return [in_local_time(each, datetime.now(UTC), UTC) for each in found]

    before = told()
    page = get(site, f"/why?job={job}" + (f"&at={quote(at)}" if at else ""))

    assert sentences(page) in (before, told())  # "in 5 h" may have become "in 4 h" between two of them


def test_each_remedy_is_a_command_to_copy_and_where_the_page_can_a_button(site: Served) -> None:
    held = get(site, "/why?job=other")
    missed = get(site, f"/why?job=backup&at={yesterday():%Y-%m-%dT02:30}")

    assert "process-control release other</code>" in held
    assert '<a class="button small" href="/acts/release?job=other">release</a>' in held
    slot = re.search(r'href="/acts/run\?job=backup&amp;slot=([^"]*)"', missed)
    assert slot is not None
    preview = get(site, f"/acts/run?job=backup&slot={slot[1]}")
    assert f'value="{yesterday():%Y-%m-%dT%H:%M:%S.000Z}"' in preview


def test_a_run_by_the_button_is_for_that_planned_time(site: Served) -> None:
    moment = f"{yesterday(days=3):%Y-%m-%dT%H:%M:%S.000Z}"
    with site.client() as client:
        token = client.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
        answer = client.post("/acts/run", data={"form_token": token, "job": "backup", "slot": moment})
        refused = client.post("/acts/run", data={"form_token": token, "job": "backup", "slot": "2020-01-01T00:01"})
    site.box.process_control("wait", "backup")

    assert answer.status_code == 200, answer.text
    assert refused.status_code == 404
    assert moment in [run["scheduled_at"] for run in site.box.history("backup")]


def test_a_form_asks_and_says_what_it_does_not_know(site: Served) -> None:
    assert "Name a job" in text_of(get(site, "/why"))
    with site.client() as client:
        nobody, never = client.get("/why?job=nobody"), client.get("/why?job=backup&at=full-moon")
    assert (nobody.status_code, never.status_code) == (404, 404)
    assert "no job" in text_of(nobody.text).lower()
    assert "not a time" in text_of(never.text)
    assert "&lt;b&gt;moving&lt;/b&gt;" in get(site, "/why?job=other")


@pytest.mark.parametrize(
    ("command", "address"),
    [
        ("process-control release backup", "/acts/release?job=backup"),
        (
            "process-control run backup --slot 2026-11-29T02:00",
            "/acts/run?job=backup&slot=2026-11-29T02%3A00",
        ),
        ("process-control logs --run 1m8g35q0", "/runs/1m8g35q0"),
        ("process-control recover --since 2026-11-29T02:00", "/recover?since=2026-11-29T02%3A00"),
        ("process-control audit backup --event refusal --config x", "/audit?job=backup&event=refusal"),
        ("process-control incidents show backup~1m8", "/incidents/backup~1m8"),
        ("process-control logs --run ../../etc", None),
        ("process-control release '<x>'", None),
        ("process-control doctor", None),
        ("kill 4711", None),
        ("process-control run 'half", None),
        (None, None),
    ],
)
def test_a_command_leads_to_the_screen_that_does_it(command: str | None, address: str | None) -> None:
    found = remedy_of(command)

    assert (found and found.address) == address


def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE, dark=True) as page:
        for query in ("job=other", f"job=backup&at={yesterday():%Y-%m-%dT02:30}", ""):
            page.goto(f"{site.address}/why?{query}")
            assert too_wide(page) == []
            assert violations(page) == []
            shoot(page, f"why-{len(query)}")
