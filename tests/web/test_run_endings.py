"""The screen of a run whose output was cut, and of runs that were lost: killed with their guard, or by a reboot."""

import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kit.harness import Box, until
from kit.pages import (
    IS_IN_SIGHT,
    PHONE,
    Served,
    click_through,
    get,
    page_of,
    served,
    shoot,
    text_of,
    too_wide,
    violations,
)
from kit.runs import kill_both
from process_control.system.proc import boot_id

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOST = ("killed", "rebooted")


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    shared_box.job("cut", "command: seq 300000\nlimits: {log_bytes: 1100000}")
    shared_box.run_job("cut")
    for job in LOST:
        shared_box.job(job, "command: sh -c 'echo 3 of 9 tables copied; exec sleep 1000'")
        with shared_box.start(job):
            until(lambda job=job: any(log.stat().st_size for log in shared_box.logs(job)), "its first line")
            kill_both(shared_box, job)
        if job == "killed":
            shared_box.process_control("watch")  # notes that it is gone; of the other one nobody has yet
    as_of_another_boot(shared_box, "rebooted")
    with served(shared_box) as site:
        yield site


def as_of_another_boot(box: Box, job: str) -> None:
    """Let the last run of a job be one that began before the host was started."""
    state, another = box.state_directory, str(uuid.uuid4()).encode()
    for path in (state / "jobs" / job / "block", *(state / "journal").glob("*.jsonl")):
        lines = path.read_bytes().split(b"\n")
        changed = [line.replace(boot_id().encode(), another) if job.encode() in line else line for line in lines]
        path.write_bytes(b"\n".join(changed))


def run_of(site: Served, job: str) -> str:
    return f"/runs/{site.box.history(job)[0]['run_id']}"


def test_where_output_was_dropped_is_one_click_from_the_note_that_it_was(site: Served) -> None:
    page = get(site, run_of(site, "cut"))
    note = text_of(page.partition('id="output"')[2].partition('class="log')[0])
    with site.client() as client:
        answer = client.get(f"{run_of(site, 'cut')}/gap")
        where = client.get(answer.headers["location"]).text

    dropped = site.box.history("cut")[0]["log_dropped_bytes"]
    assert f"{dropped:,} bytes of it were dropped, see limits.log_bytes . Show where" in note
    assert "300000" in page
    assert f"{dropped:,} bytes were dropped here" not in page
    gap = re.search(r'class="row dropped" id="(D\d+)">([\d,]+) bytes were dropped here', where)
    assert gap is not None
    assert answer.headers["location"].endswith(f"#{gap[1]}")
    assert gap[2] == f"{dropped:,}"
    texts = [int(text) for text in re.findall(r'class="text">(\d+)</span>', where)]
    assert texts[0] < 100_000
    assert texts[-1] > 100_000


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("killed", "its runner was killed before it could record the end"),
        ("rebooted", "the host went down or was restarted during the run"),
    ],
)
def test_a_lost_run_says_why_and_what_is_not_known_of_it(site: Served, job: str, reason: str) -> None:
    text = text_of(get(site, run_of(site, job)))

    assert f"? lost {'runner_killed' if job == 'killed' else 'host_down'}" in text
    assert reason in text
    assert "When it ended is not known" in text
    assert ("that it was gone was noticed" in text) == (job == "killed")
    assert "What it printed last may be missing. The last line that was kept came" in text
    assert "3 of 9 tables copied" in text
    assert "not ended" not in text
    assert "Nothing that it printed on stderr was kept." in text_of(get(site, f"{run_of(site, job)}?stream=stderr"))


def test_a_run_without_a_gap_has_no_place_to_show(site: Served) -> None:
    with site.client() as client:
        answer = client.get(f"{run_of(site, 'killed')}/gap")

    assert answer.status_code == 404
    assert "bytes of it were dropped" not in get(site, run_of(site, "killed"))


def test_a_browser_shows_them_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE) as page:
        for job in ("cut", "killed"):
            page.goto(site.address + run_of(site, job))
            if job == "cut":
                click_through(page, page.get_by_role("link", name="Show where"))
                until(lambda: page.locator(".dropped").evaluate(IS_IN_SIGHT), "the gap in sight")
            assert too_wide(page) == []
            shoot(page, f"run-{job}")
            assert violations(page) == []
