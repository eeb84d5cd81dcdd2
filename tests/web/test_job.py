"""The screen of a job: what its file says, what its runs did, why, and what changed."""

import re
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from kit.harness import Box, until
from kit.pages import PHONE, Served, get, page_of, served, shoot, text_of, too_wide, violations
from kit.past import Past, yesterday
from process_control.config.all_jobs import load_all
from process_control.config.settings import load_settings
from process_control.state.past_runs import open_index
from process_control.views.runs_and_slots import runs_and_slots
from process_control.views.slots import Ledger
from process_control.web.access.store import TOKENS, GrantStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG = "a-job-with-the-longest-name-" + "x" * 36
NAME = "A_name_of_ninety_seven_characters_without_a_blank_" + "y" * 47
HOSTILE = "<script>alert(1)</script> & \u202e see https://wiki.example/backup?a=1&b=2 javascript:alert(2)"
SECRET = "s3cret-value-of-the-environment"


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    past = Past(shared_box)
    _write_jobs(shared_box, past)
    for days in range(10, 0, -1):
        at = yesterday(days=days)
        how: dict[str, Any] = {"memory_bytes": 10_000_000 + days, "memory_of": "tree"}
        if days == 2:
            how |= {"outcome": "failed", "reason": "exit_code", "exit_code": 3, "detail": "exited with 3"}
        if days not in (4, 5):
            past.start_of("backup", at, seconds=10.0 + days, **how)
        if days == 5:
            past.skip(at, "excluded", "exclude: 2026-11-24")
    past.start_of("gone", yesterday(5))
    with served(shared_box) as site:
        yield site


def _write_jobs(box: Box, past: Past) -> None:
    began = yesterday(0, 0, days=10)
    past.version(began)
    past.version(began, "gone", schedule="0 5 * * *")
    past.version(
        yesterday(3, 0, days=1), schedule="35 2 1 1 *", commit="0123456789ab", author="Ann <ann@x>", dirty=False
    )
    backup = (
        "command: 'true'\nschedule: '35 2 1 1 *'\ntime_zone: Europe/Berlin\nname: Back up\ntags: [nightly]\n"
        f"description: {HOSTILE!r}\nowner: {{team: ops, runbook: 'https://wiki.example/runbook'}}\n"
        f"environment: {{API_KEY: {SECRET}}}\n"
    )
    box.job("backup", backup)
    box.job("report", "command: 'true'\nafter: backup")
    box.job("broken", "command: 'true'\nschedule: '99 * * * *'\nno_such_key: 1")
    box.job(LONG, f"name: {NAME}\ncommand: 'true'\nschedule: '0 4 * * *'\ntags: [{LONG}]")
    box.job("by-hand", "command: 'true'")


def test_runs_and_planned_times_without_one_are_in_one_list_newest_first(site: Served) -> None:
    page = get(site, "/jobs/backup")
    rows = page.partition('id="runs"')[2].partition("</tbody>")[0]
    kinds = re.findall(r'<span class="state [of]-([a-z]+)"', rows)

    assert kinds == ["succeeded", "failed", "succeeded", "missed", "skipped", *["succeeded"] * 5]
    history = site.box.history("backup")
    of_runs = [run["run_id"] for run in history if run["outcome"] != "skipped"]
    assert [run_id for run_id in re.findall(r'href="/runs/([0-9a-z]+)"', rows) if run_id in of_runs] == of_runs
    slots = site.box.process_control("slots", "backup", "--since", "9d", "--fate", "missed", "--json").json()
    assert [slot["slot"] for slot in slots["slots"]] == [f"{yesterday(days=4):%Y-%m-%dT%H:%M:%S.000Z}"]


def test_a_cursor_leads_to_the_older_rows_without_a_gap(site: Served) -> None:
    settings = load_settings(str(site.box.configuration), {})
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, load_all(settings), index, now=time.time())
        whole, _ = runs_and_slots(index, ledger, "backup", limit=50)
        found, place = [], None
        while True:
            rows, place = runs_and_slots(index, ledger, "backup", limit=2, before=place)
            found += [row.place for row in rows]
            if place is None:
                break

    assert found == [row.place for row in whole]
    assert len(found) == 10


def test_texts_of_others_stay_text_and_only_web_addresses_become_links(site: Served) -> None:
    page = get(site, "/jobs/backup")

    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert '<a href="https://wiki.example/backup?a=1&amp;b=2" rel="noopener noreferrer">' in page
    assert '<a href="https://wiki.example/runbook" rel="noopener noreferrer">' in page
    assert 'href="javascript:' not in page


def test_values_of_the_environment_are_for_operators(site: Served) -> None:
    tokens = {}
    for role in ("viewer", "operator"):
        store = GrantStore(str(site.box.state_directory), TOKENS)
        tokens[role], _ = store.add(name=f"for-{role}", role=role, seconds=600, by="a test")
    pages = {
        role: get(site, "/jobs/backup", opened=False, headers={"authorization": f"Bearer {token}"})
        for role, token in tokens.items()
    }

    assert f"API_KEY={SECRET}" in pages["operator"]
    assert SECRET not in pages["viewer"]
    assert "API_KEY (values: for operators)" in text_of(pages["viewer"])


def test_the_configuration_in_effect_has_the_origin_of_each_value(site: Served) -> None:
    page = text_of(get(site, "/jobs/backup").partition('id="config"')[2])
    shown = site.box.process_control("show", "backup", "--json").json()["job"]

    for each in shown["values"]:
        if each["words"] and each["key"] not in ("environment", "description"):
            assert f"{each['key']} {each['words']} {each['origin']}".replace("  ", " ") in page


def test_the_next_times_and_the_schedule_are_those_of_the_command(site: Served) -> None:
    page = get(site, "/jobs/backup")
    shown = site.box.process_control("show", "backup", "--json").json()["job"]
    times = re.findall(r'datetime="([^"]*)"', page.partition('class="slots"')[2].partition("</ol>")[0])

    assert list(dict.fromkeys(times)) == [slot["at"].replace(".000Z", "Z") for slot in shown["slots"]]
    assert len(shown["slots"]) == 10
    assert "35 2 1 1 *" in page
    assert "in Europe/Berlin" in page


def test_versions_say_what_changed_and_who_did_it(site: Served) -> None:
    versions = text_of(get(site, "/jobs/backup").partition('id="versions"')[2])

    assert "commit 0123456789ab by Ann <ann@x>" in versions
    assert "schedule 30 2 * * * 35 2 1 1 *" in versions


def test_chains_are_linked_both_ways(site: Served) -> None:
    assert '<dt>Followed by</dt><dd><a href="/jobs/report">report</a>' in get(site, "/jobs/backup")
    assert '<dt>After</dt><dd><a href="/jobs/backup">backup</a>' in get(site, "/jobs/report")


def test_an_invalid_file_shows_all_its_faults_with_their_lines(site: Served) -> None:
    page = text_of(get(site, "/jobs/broken"))

    assert "broken.yaml:3:11: schedule" in page
    assert "broken.yaml:4:1: unknown key" in page
    assert "no_such_key" in page
    assert "hint:" in page


def test_a_job_whose_file_is_gone_still_has_its_screen(site: Served) -> None:
    page = text_of(get(site, "/jobs/gone"))

    assert "gone gone" in page
    assert "succeeded" in page
    with site.client() as client:
        assert client.get("/jobs/never-heard-of").status_code == 404


def test_a_job_that_never_ran_says_how_to_run_it(site: Served) -> None:
    page = text_of(get(site, "/jobs/by-hand"))

    assert "It never ran. process-control run by-hand" in page
    assert "Nothing is planned." in page
    assert "/runs/" not in page


def test_a_hold_shows_who_when_why_and_how_to_end_it(site: Served) -> None:
    site.box.process_control("hold", LONG, "--note", "the disk is <full>")
    until(lambda: "On hold" in get(site, f"/jobs/{LONG}"), "the hold is seen")
    page = text_of(get(site, f"/jobs/{LONG}"))
    site.box.process_control("release", LONG)

    assert "On hold" in page
    assert "the disk is <full>" in page
    assert f"process-control release {LONG}" in page


def test_the_chart_says_in_words_what_it_shows(site: Served) -> None:
    page = get(site, "/jobs/backup")

    assert "Duration of the last 8 runs: half at most 17.0 s" in page
    assert "1 failed." in page
    assert page.count('class="cross"') == 2  # of duration and of memory
    assert "p95" in page


def test_a_browser_shows_it_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE, dark=True) as page:
        for slug in ("backup", LONG, "broken"):
            page.goto(f"{site.address}/jobs/{slug}")
            assert too_wide(page) == []
            assert violations(page) == []
            shoot(page, f"job-{slug[:8]}")
        page.goto(site.address)  # its tag is among those of the filter
        assert too_wide(page) == []


def test_a_change_in_git_is_shown_key_by_key(site: Served) -> None:
    directory = site.box.job_directory

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-C", str(directory), "-c", "user.name=Ann", "-c", "user.email=ann@x", *words],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    for timeout in ("1m", "2m"):
        site.box.job("in-git", f"command: 'true'\ntimeout: {timeout}\nenvironment: {{KEY: {SECRET}}}")
        git("add", "-A")
        git("commit", "-qm", f"timeout {timeout}")
        site.box.process_control("slots", "--count")  # which sees the version
    page = text_of(get(site, "/jobs/in-git").partition('id="versions"')[2])

    assert "timeout 1 min 2 min" in page
    assert "by Ann <ann@x>" in page
