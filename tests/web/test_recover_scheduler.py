"""Recovery after an outage, in a browser: the page of the unit starts nothing itself, it asks the scheduler."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kit.harness import SERVICE_USER, Box, until
from kit.outages import as_iso, fates, hours_ago, planned_at
from kit.pages import click_through, page_of, served
from kit.runs import records, script
from kit.schedulers import scheduler
from run_job.test_watch import look_was
from web.test_safety_sandbox import RIGHTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SLOTS = [hours_ago(count) for count in (4, 3, 2)]
MISSED = [(as_iso(slot), "missed", "host_down") for slot in SLOTS]


@pytest.fixture
def box(make_web_box: Callable[..., Box]) -> Box:
    """A host that was down over three planned times of two jobs."""
    box = make_web_box(service_user=SERVICE_USER)
    for job in ("orders", "report"):
        note = script(box, f"{job}.sh", 'echo "made up for $PROCESS_CONTROL_SCHEDULED_AT"; sleep 0.2')
        box.job(job, f"command: {note}\n{planned_at(*SLOTS)}")
    with scheduler(box):
        until(lambda: len(records(box, "version")) == 2, "both jobs known")
    slept(box, hours=6)
    return box


def slept(box: Box, *, hours: int) -> None:
    """Let all that is recorded be so many hours old, in which the host slept; its scheduler did not end before."""
    old = [each for each in box.journal() if each.get("change") != "ended"]
    for path in (box.state_directory / "journal").glob("*.jsonl"):
        path.write_bytes(b"")
    for record in old:
        for name in ("at", "since"):
            if name in record:
                record[name] = as_iso(datetime.fromisoformat(record[name]) - timedelta(hours=hours))
        record["up"] -= hours * 3600
        path = box.state_directory / "journal" / f"{record['at'][:10]}.jsonl"
        with open(path, "a") as file:
            file.write(f"\n{json.dumps(record)}")
        box.give(path, box.service_user)
    look_was(box, hours * 3600, mono=time.monotonic() - 60)


@pytest.mark.needs_root
def test_what_a_host_missed_while_it_was_down_is_run_once_by_the_scheduler(box: Box, browser: "Browser") -> None:
    with scheduler(box) as live:
        until(lambda: fates(box, "orders") == MISSED, "the outage in the books")
        box._namespace = RIGHTS
        with served(box, "--no-starts") as site, page_of(browser, site) as page:
            box._namespace = []
            page.get_by_role("link", name="Recover").click()
            page.get_by_role("heading", name="2 jobs with 6 planned times missed or lost").wait_for()
            page.get_by_role("heading", name="The host was off, or asleep").wait_for()
            page.get_by_label("what to run of orders").select_option("each")
            page.get_by_label("what to run of report").select_option("once")
            click_through(page, page.get_by_role("button", name="Look at what will be started"))
            assert "orders: 3 runs" in page.locator(".touched").inner_text()
            assert "report: 1 run" in page.locator(".touched").inner_text()
            page.get_by_label("Note").fill("after the power cut")
            page.get_by_role("button", name="start", exact=True).click()
            page.get_by_text("It is over.").wait_for()
            page.get_by_text("4 of 4 run.").wait_for()  # the page is just loaded again
            page.get_by_role("link", name=site.box.history("report")[0]["run_id"]).click()
            page.get_by_text(f"made up for {as_iso(SLOTS[-1])[:16]}").wait_for()
            page.goto(f"{site.address}/recover")
            page.get_by_role("heading", name="Nothing was missed or lost").wait_for()
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")

    runs = box.history("orders")
    assert sorted(run["scheduled_at"] for run in runs) == [as_iso(slot) for slot in SLOTS]
    assert {(run["outcome"], run["trigger"]) for run in runs} == {("succeeded", "web")}
    assert [run["scheduled_at"] for run in box.history("report")] == [as_iso(SLOTS[-1])]
    assert fates(box, "orders") == [(as_iso(slot), "ran", "succeeded") for slot in SLOTS]
    assert fates(box, "report")[:2] == MISSED[:2]
    assert {start["note"] for start in records(box, "start")} == {"recover: after the power cut"}
