"""The screen of a day: lanes, and the same as a list by hour."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kit.harness import Box, children
from kit.pages import (
    IS_IN_SIGHT,
    PHONE,
    WIDE,
    Served,
    click_through,
    get,
    page_of,
    served,
    shoot,
    too_wide,
    violations,
)
from kit.past import Past, yesterday
from process_control.core.day import Planned, Stretch, day_of
from process_control.web.day_picture import by_hour, in_words, rows_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser


#: Its alike jobs are one lane.
ALIKE = [f"alike-{number}" for number in range(30)]
#: Jobs that ran on the day before yesterday, each at another time: more lanes than one screen has.
EACH = [f"each-{number:03}" for number in range(130)]


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    past = Past(shared_box)
    began, at = yesterday(0, 0, days=3), yesterday(2, 30)
    for job, schedule in (("backup", "30 2 * * *"), ("failing", "15 4 * * *"), *((job, "0 5 * * *") for job in ALIKE)):
        shared_box.job(job, f"command: 'true'\nschedule: '{schedule}'\ntags: [{job.partition('-')[0]}]")
        past.version(began, job, schedule=schedule)
    shared_box.job("first", "command: 'true'\nlock: shared")
    shared_box.job("second", "command: 'true'\nlock: shared")
    for number, job in enumerate(EACH):
        past.start_of(job, yesterday(0, 0, days=2) + number * timedelta(minutes=10))
    past.start_of("backup", at, seconds=3600)
    past.start_of("first", at, seconds=600)
    past.start_of("second", at + timedelta(minutes=5), seconds=600)
    past.start_of("failing", yesterday(4, 15), outcome="failed", reason="exit_code", exit_code=3)
    with served(shared_box) as site:
        yield site


def test_the_lanes_are_those_of_the_command_what_failed_first(site: Served) -> None:
    page = get(site, "/day?date=yesterday")
    told = site.box.process_control("day", "yesterday", "--json").json()
    shown = re.findall(r'<span class="who"><a href="/jobs/([^"]*)"', page)
    others = page.partition('class="others"')[2].partition("</span>")[0]
    named = {*shown, *re.findall(r'<a href="/jobs/([^"]*)">', others)}

    assert named == {lane["job"] for lane in told["lanes"]}
    assert page.count('class="trouble"') == 2
    assert 'aria-label="02:30 succeeded, 1 h"' in page
    assert "04:15 failed, 1.0 s" in page


def test_lanes_that_look_alike_are_one(site: Served) -> None:
    page = get(site, "/day?date=yesterday")

    assert "34 jobs in 5 lanes" in page
    assert "and 29 more" in page
    assert "30 missed" in page


def test_collisions_and_quiet_times_are_named(site: Served) -> None:
    page = get(site, "/day?date=yesterday")

    assert "lock <code>shared</code>" in page
    assert "02:35 to 02:45" in page
    assert "Quiet" in page


def test_a_filter_and_another_day_are_in_the_address(site: Served) -> None:
    page = get(site, "/day?date=yesterday&tag=backup")
    before = f"{yesterday(days=2):%Y-%m-%d}"

    assert "/jobs/backup" in page
    assert "/jobs/failing" not in page
    assert f'href="/day?date={before}&amp;tag=backup" rel="prev"' in page
    assert f"process-control day {yesterday():%Y-%m-%d} --job tag:backup" in page


def test_a_day_without_anything_says_so(site: Served) -> None:
    assert "Nothing ran on that day" in get(site, "/day?date=2020-01-01")
    assert "None of these jobs ran" in get(site, "/day?date=yesterday&job=no-such-job")
    with site.client() as client:
        assert client.get("/day?date=31-31-31").status_code == 400
        assert client.get("/day?date=9999-12-31").status_code == 400


def test_a_day_is_that_of_the_zone_which_is_shown(site: Served) -> None:
    with site.client() as client:
        client.cookies.set("process-control-zone", "mine")
        client.cookies.set("process-control-browser-zone", "Asia/Tokyo")
        page = client.get(f"/day?date={yesterday():%Y-%m-%d}").text

    assert "11:30 succeeded, 1 h" in page


def test_the_list_by_hour_counts_all_and_names_the_first() -> None:
    jobs = [f"job-{number}" for number in range(20)]
    stretches = [Stretch(job, 3600.0 + minute, 3610.0 + minute, "succeeded") for job in jobs for minute in (0, 600)]
    day = day_of(stretches, begin=0, end=86400, now=5000, locks={}, zone=UTC)
    [hour] = by_hour(day, named=8)
    [of_kind] = hour.kinds

    assert (hour.begin, hour.is_now, of_kind.count, of_kind.others) == (3600, True, 40, 12)
    assert of_kind.jobs[0] == ("job-0", 3600.0, 2)
    assert len(rows_of(day, None)) == 1


def test_planned_jobs_with_the_same_times_look_and_count_as_each_alone() -> None:
    begins = (3600.0, 3900.0, 7200.0)
    jobs = [f"job-{number}" for number in range(20)]
    how: dict[str, Any] = {"begin": 0, "end": 86400, "now": 0, "locks": {}, "zone": UTC}
    shared = day_of([], planned=[Planned(job, begins, 60.0) for job in jobs], **how)
    alone = day_of([Stretch(job, at, at + 60.0, "planned") for job in jobs for at in begins], **how)

    assert by_hour(shared, named=8) == by_hour(alone, named=8)
    assert rows_of(shared, None) == rows_of(alone, None)


def test_the_child_that_reads_days_is_started_again_when_it_has_died(site: Served) -> None:
    get(site, "/day?date=2020-01-01")
    readers = children(site.live.pid)
    for pid in readers:
        os.kill(pid, signal.SIGKILL)

    assert len(readers) == 1
    assert "Nothing ran on that day" in get(site, "/day?date=2020-01-02")


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (PHONE, False)])
def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served, width: int, dark: bool) -> None:
    with page_of(browser, site, width=width, dark=dark) as page:
        page.goto(f"{site.address}/day?date=yesterday")
        assert too_wide(page) == []
        assert violations(page) == []
        assert page.locator("#lanes").is_visible()
        assert page.locator(".by-hour").is_visible()
        assert page.get_by_text("04:15 failed, 1.0 s").is_visible() == (width == PHONE)
        shoot(page, f"day-{width}{'-dark' if dark else ''}")


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_way_to_the_next_lanes_leads_to_lanes(browser: "Browser", site: Served, width: int) -> None:
    with page_of(browser, site, width=width) as page:
        page.goto(f"{site.address}/day?date={yesterday(days=2):%Y-%m-%d}")
        seen = page.locator("#lanes .who > a").all_inner_texts()
        left = page.get_by_role("link", name="next lanes")
        assert "more jobs: next lanes" in page.locator(".more").inner_text()
        click_through(page, left)
        page.get_by_role("link", name="First lanes").wait_for()
        lanes = page.locator("#lanes .who > a")
        page.wait_for_function(IS_IN_SIGHT, arg=lanes.first.element_handle())
        seen += lanes.all_inner_texts()
        assert too_wide(page) == []
        click_through(page, page.get_by_role("link", name="First lanes"))
        page.get_by_role("link", name="next lanes").wait_for()
        page.wait_for_function(IS_IN_SIGHT, arg=lanes.first.element_handle())
    assert {*EACH} <= {*seen}
    assert len(seen) == len({*seen})


def test_on_a_phone_the_list_by_hour_is_a_tap_away(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE) as page:
        page.goto(f"{site.address}/day?date={yesterday(days=2):%Y-%m-%d}")
        page.get_by_role("link", name="by hour").click()
        page.wait_for_function(IS_IN_SIGHT, arg=page.locator("#by-hour").element_handle())


def test_of_many_stretches_it_is_said_when_the_last_trouble_was_and_what_comes_first() -> None:
    kinds = ["succeeded", "failed", "succeeded", "failed", *["planned"] * 4]
    stretches = [Stretch("job", 3600.0 * number, 3600.0 * number + 60, kind) for number, kind in enumerate(kinds)]

    assert in_words(stretches, UTC) == "2 failed (last 03:00), 2 succeeded, 4 planned (first 04:00)"
