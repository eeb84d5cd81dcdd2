"""Runs of the fleet on the page and through the API: a real server, workers, and logs that hosts send in pieces."""

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kit import fleets
from kit.events import Fifo
from kit.extras import with_extra
from kit.fleets import Fleet, result_of
from kit.harness import Box, Product, children, until
from kit.hostile_host import RUN_ID, hostile_host
from kit.pages import PHONE, WIDE, Served, page_of, served, shoot, text_of, too_wide, violations
from kit.ports import free_port
from kit.warm_commands import OF_A_FLEET
from web.test_page_storms import memory

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SECRET = "hunter2-is-secret"
LIBRARY = "temporalio"
NO_RUN = "0" * 16
GONE = "command: seq 1 40000\nrun_on: {host: gone1}"
HOSTILE = b"\x1b[31m%06d\x1b[0m <script>alert(1)</script> \x1b]0;title\x07\xff & caf\xc3\xa9 " + b"x" * 40 + b"\n"


@pytest.fixture(scope="module")
def with_both(with_web: Product) -> Iterator[Product]:
    """The product with its extras [web] and [fleet]."""
    with with_extra(with_web, "fleet", more=OF_A_FLEET, as_links=True) as copy:
        yield copy


@pytest.fixture(scope="module")
def fleet(with_both: Product) -> Iterator[Fleet]:
    with fleets.fleet(with_both) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def site(fleet: Fleet) -> Iterator[Served]:
    """A host with a worker and a page, which is started as people do: it has only the memory that it needs itself."""
    box = Box.configured(fleet.product)
    fleet.configure(box)
    (box.root / "secret.env").write_text(f"TOKEN={SECRET}\n")
    (box.root / "secret.env").chmod(0o600)
    (box.root / "hostile").write_bytes(b"".join(HOSTILE % number for number in range(100_000)))
    box.job("many", "command: seq -f 'line %g.' 10000")
    box.job("hostile", f"command: sh -c 'cat {box.root / 'hostile'}; echo oops >&2; exit 3'")
    box.job(
        "secret",
        'command: sh -c \'echo "it is $TOKEN"; echo "$TOKEN" | sed "s/2/\\x1b[1m2/"\'\n'
        f"environment_file: {box.root / 'secret.env'}",
    )
    box.job("local", "command: 'true'\nrun_on: local")
    box.job("gone", GONE)
    assert box.process_control("fleet", "apply").exit_code == 0
    try:
        with fleets.worker(box, "web1"), served(box, is_cold=True) as site:
            for job in ("many", "hostile", "secret"):
                box.process_control("run", job, "--fleet")
            for job in ("many", "hostile", "secret"):
                until(lambda job=job: result_of(box, job), f"the end of {job}")
            yield site
    finally:
        box.close()


@pytest.fixture(scope="module")
def pipes(site: Served) -> tuple[Fifo, Fifo]:
    return site.box.fifo("begun"), site.box.fifo("more")


def runs_of(client: httpx.Client, job: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/jobs/{job}/fleet")
    assert answer.status_code == 200, answer.text
    runs: list[dict[str, Any]] = answer.json()["runs"]
    return runs


def piece_of(client: httpx.Client, job: str, run_id: str, before: int | None = None) -> Any:
    answer = client.get(f"/api/v1/jobs/{job}/fleet/{run_id}/log", params={} if before is None else {"before": before})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pieces_from_the_end(client: httpx.Client, job: str, run_id: str, most: int) -> list[list[dict[str, Any]]]:
    """Return pieces of a log, the last one first."""
    found, before = list[list[dict[str, Any]]](), None
    while len(found) < most:
        piece = piece_of(client, job, run_id, before)
        found.append(piece["lines"])
        before = piece["older"]
        if before is None:
            break
    return found


def rows_of(html: str) -> list[str]:
    """Return the text of each row of a log."""
    rows = re.findall(r'<div class="row[^"]*">.*?<span class="text">(.*?)</span></div>', html)
    return [unescape(re.sub(r"<[^>]*>", "", row)) for row in rows]


def children_of(site: Served) -> Sequence[int]:
    return children(site.live.process.pid)


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (PHONE, False)], ids=str)
def test_the_job_leads_to_its_runs_on_all_hosts_and_each_of_them_to_its_log(
    site: Served, browser: "Browser", width: int, dark: bool
) -> None:
    printed = site.box.process_control("logs", "many", "--fleet").stdout.splitlines()
    with page_of(browser, site, width=width, dark=dark, scripts=width == WIDE) as page:

        def looks_right(name: str) -> None:
            shoot(page, f"{name}-{width}{'-dark' if dark else ''}")
            assert (violations(page) if width == WIDE else [], too_wide(page)) == ([], [])

        def follow(name: str) -> None:
            with page.expect_navigation():  # until all of it is there
                page.get_by_role("link", name=name).click()

        page.goto(f"{site.address}/jobs/many")
        follow("Runs in the fleet")
        looks_right("fleet-runs")
        follow("log of the run")
        looks_right("fleet-log")
        end = page.locator(".log .text").all_text_contents()
        follow("Older lines")
        before = page.locator(".log .text").all_text_contents()
        follow("The end")

        assert [*before, *end] == printed[-len(before) - len(end) :]
        assert len(end) > 1000
        assert page.locator(".log .text").last.text_content() == "line 10000."


def test_a_log_is_what_the_command_prints_byte_for_byte_and_hostile_output_is_text(site: Served) -> None:
    command = site.box.process_control("logs", "hostile", "--fleet", "--json").json()
    with site.client() as client:
        (run,) = runs_of(client, "hostile")
        pieces = pieces_from_the_end(client, "hostile", run["run_id"], 4)
        page = client.get(f"/jobs/hostile/fleet/{run['run_id']}").text

    lines = [line for piece in reversed(pieces) for line in piece]
    assert lines == command["lines"][-len(lines) :]
    assert len(command["lines"]) == 100_001
    assert all(1000 < len(piece) < 10_000 for piece in pieces)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\x07" not in page
    assert '<span class="t-red">099999</span>' in page
    assert 'class="row err"' in page
    assert (len(rows_of(page)), len(page) < 1 << 20) == (len(pieces[0]), True)


def test_the_server_reads_no_log_whole_and_never_has_the_library_of_the_fleet(site: Served) -> None:
    with site.client() as client:
        (run,) = runs_of(client, "hostile")
        for _ in range(4):
            client.get(f"/jobs/hostile/fleet/{run['run_id']}")

    pid = site.live.process.pid
    assert memory(pid, "VmHWM") < 120
    assert LIBRARY not in Path(f"/proc/{pid}/maps").read_text()
    assert any(LIBRARY in Path(f"/proc/{child}/maps").read_text() for child in children_of(site))


def test_no_secret_comes_together_where_the_page_leaves_colours_out(site: Served) -> None:
    with site.client() as client:
        (run,) = runs_of(client, "secret")
        texts = [line["text"] for line in piece_of(client, "secret", run["run_id"])["lines"]]
        page = client.get(f"/jobs/secret/fleet/{run['run_id']}").text

    assert texts == ["it is ***", "***"]
    assert rows_of(page) == texts


def test_a_run_in_flight_comes_first_and_shows_more_when_it_is_loaded_again(
    site: Served, pipes: tuple[Fifo, Fifo]
) -> None:
    box, (begun, more) = site.box, pipes
    script = f"echo one; echo up > {begun}; read line < {more}; echo two; echo up > {begun}; read line < {more}"
    box.job("slow", f"command: sh -c '{script}'")
    box.process_control("fleet", "apply")
    box.process_control("run", "slow", "--fleet")
    for _ in range(2):
        begun.read_line()
        more.write_line()
    until(lambda: result_of(box, "slow"), "the end of the first run")
    box.process_control("run", "slow", "--fleet")
    begun.read_line()
    with site.client() as client:

        def in_flight() -> str | None:
            first = runs_of(client, "slow")[0]
            return first["run_id"] if first["outcome"] is None and len(first["run_id"]) == len(NO_RUN) else None

        path = f"/jobs/slow/fleet/{until(in_flight, 'what its host has said of it')}"
        until(lambda: rows_of(client.get(path).text), "the first line in the log")  # the job has only written it
        listed, page = client.get("/jobs/slow/fleet").text, client.get(path).text
        more.write_line()
        begun.read_line()
        again = until(lambda: rows_of(client.get(path).text)[1:], "the second line")
        more.write_line()
        until(lambda: runs_of(client, "slow")[0]["outcome"], "its end")
        ended = client.get(path).text

    assert listed.index("o-running") < listed.index(path) < listed.index("o-succeeded")
    assert (rows_of(page), again) == (["one"], ["two"])
    assert "It is running." in page
    assert "It is running." not in ended


# --- what is not there -----------------------------------------------------------------------------------------------


def answers_of(client: httpx.Client, path: str) -> list[tuple[int, str, str]]:
    """Return status, what is wrong and the hint, as page and API answer for the same."""
    page = client.get(path)
    address, mark, query = path.partition("?")
    api = client.get(f"/api/v1{address}{'/log' if address.count('/') == 4 else ''}{mark}{query}")
    wrong = api.json().get("error", {"what": "", "hint": ""})
    title = unescape(page.text.partition("<title>")[2].partition(" · process-control")[0])
    hint = unescape(page.text.partition('<p class="hint">hint: ')[2].partition("</p>")[0])
    assert "Traceback" not in page.text
    return [(page.status_code, title, hint), (api.status_code, wrong["what"], wrong["hint"] or "")]


def test_what_the_fleet_does_not_know_is_404_with_a_hint(site: Served) -> None:
    status = "process-control fleet status lists those it has; fleet apply hands over those of this host"
    with site.client() as client:
        (run,) = runs_of(client, "many")
        no_job = answers_of(client, "/jobs/nowhere/fleet")
        local = answers_of(client, "/jobs/local/fleet")
        no_run = answers_of(client, f"/jobs/many/fleet/{NO_RUN}")
        of_another = answers_of(client, f"/jobs/hostile/fleet/{run['run_id']}")
        part_of_an_id = answers_of(client, f"/jobs/many/fleet/{run['run_id'][:8]}")
        wrong = [status for status, *_ in answers_of(client, f"/jobs/many/fleet/{run['run_id']}?before=-1")]
        job_page = client.get("/jobs/local").text

    assert no_job == [(404, "nowhere: the fleet has no job 'nowhere'", status)] * 2
    assert local == [(404, "local: the fleet has no job 'local'", status)] * 2
    history = "process-control history {} --fleet --since 30d"
    assert no_run == [(404, f"many: the fleet knows no run '{NO_RUN}' of it", history.format("many"))] * 2
    words = f"hostile: the fleet knows no run '{run['run_id']}' of it"
    assert of_another == [(404, words, history.format("hostile"))] * 2
    assert [status for status, *_ in part_of_an_id] == [404, 404]
    assert wrong == [400, 400]
    assert "Runs in the fleet" not in job_page


def test_of_a_host_that_is_gone_the_end_is_shown_and_what_is_before_it_is_504(
    site: Served, fleet: Fleet, make_box: Callable[..., Box]
) -> None:
    box, host = site.box, make_box()
    fleet.configure(host)
    host.job("gone", GONE)
    note = "host gone1 does not answer: these are the last 64 KiB, which came with the result of the run"
    with fleets.worker(host, "gone1"), site.client() as client:
        box.process_control("run", "gone", "--fleet")
        until(lambda: result_of(box, "gone"), "its end")
        (run,) = runs_of(client, "gone")
        older = piece_of(client, "gone", run["run_id"])["older"]
    command = box.process_control("logs", "gone", "--fleet")
    path = f"/jobs/gone/fleet/{run['run_id']}"
    with site.client() as client:
        piece, page = piece_of(client, "gone", run["run_id"]), client.get(path).text
        before, of_job = answers_of(client, f"{path}?before={older}"), text_of(client.get("/jobs/gone").text)

    assert command.stderr == f"{note}\n"
    assert (piece["notes"], piece["older"]) == ([note], None)
    assert rows_of(page) == [line["text"] for line in piece["lines"]] == command.stdout.splitlines()
    assert note in text_of(page)
    assert "It never ran on this host. Its runs in the fleet" in of_job
    hint = "is its worker running? process-control fleet hosts"
    assert before == [(504, "gone: host gone1 does not answer", hint)] * 2


def test_a_host_that_lies_harms_neither_page_nor_api(site: Served, fleet: Fleet) -> None:
    box = site.box
    box.job("lied", "command: 'true'\nrun_on: {host: liar1}")
    box.process_control("fleet", "apply")
    with hostile_host(fleet.server.address, "liar1"), site.client() as client:
        box.process_control("run", "lied", "--fleet")
        until(lambda: result_of(box, "lied"), "its end")
        listed, path = client.get("/jobs/lied/fleet"), f"/jobs/lied/fleet/{RUN_ID}"
        (run,) = runs_of(client, "lied")
        page, piece = client.get(path), piece_of(client, "lied", RUN_ID)
        before = answers_of(client, f"{path}?before=7")
        command = box.process_control("logs", "lied", "--fleet", "-n", "3")

    assert [listed.status_code, page.status_code] == [200, 200]
    for html in (listed.text, page.text):
        assert "<script>alert" not in html
        assert "\x1b" not in html
        assert len(html) < 1 << 20
    assert (len(run["detail"]) <= 2000, len(run["reason"]) <= 32) == (True, True)
    assert (len(piece["lines"]) < 5000, piece["older"], piece["lines"][-1]["at"]) == (True, None, None)
    assert 1 < len(piece["notes"]) < 20
    assert max(map(len, piece["notes"])) <= 500
    assert [status for status, *_ in before] == [502, 502]
    assert before[0][1].startswith("what the fleet has answered is not understood")
    assert command.exit_code == 0
    assert memory(site.live.process.pid, "VmHWM") < 120


def test_whoever_may_not_see_the_page_sees_nothing_of_the_fleet(site: Served) -> None:
    with site.client() as client:
        (run,) = runs_of(client, "many")
    with site.client(opened=False) as client:
        found = [
            (client.get(path).status_code, client.get(f"/api/v1{path}{log}").status_code)
            for path, log in (("/jobs/many/fleet", ""), (f"/jobs/many/fleet/{run['run_id']}", "/log"))
        ]

    assert found == [(403, 403), (403, 403)]


def test_a_child_that_is_killed_is_started_again(site: Served) -> None:
    with site.client() as client:
        runs_of(client, "many")
        for child in children_of(site):
            os.kill(child, signal.SIGKILL)

        assert runs_of(client, "many")


# --- another server of the fleet, or none ----------------------------------------------------------------------------


def test_a_host_without_a_fleet_or_its_library_says_so(make_web_box: Callable[..., Box]) -> None:
    box = make_web_box()
    box.job("any", "command: 'true'")
    with served(box) as site, site.client() as client:
        without = answers_of(client, "/jobs/any/fleet")
        box.configure(fleet={"address": f"127.0.0.1:{free_port()}"})
        linked = until(lambda: "/jobs/any/fleet" in client.get("/jobs/any").text, "the link of the job")
        missing = answers_of(client, "/jobs/any/fleet")

    hint = "fleet: {address: HOST:7233} in the configuration switches the fleet on"
    assert without == [(404, "this host belongs to no fleet", hint)] * 2
    assert linked
    what = "the fleet needs a package that is not installed: temporalio"
    assert missing == [(501, what, "pip install 'process-control[fleet]'")] * 2


def test_a_server_that_is_away_is_502_and_one_that_hangs_504_while_the_page_answers_and_ends_at_once(
    fleet: Fleet, make_box: Callable[..., Box]
) -> None:
    box, path = make_box(), f"/jobs/any/fleet/{NO_RUN}"
    box.product = fleet.product
    box.configure(fleet={"address": f"127.0.0.1:{free_port()}"})
    box.job("any", "command: 'true'")
    with served(box) as site, site.client() as client, ThreadPoolExecutor(12) as threads:
        (away, what, hint), api = answers_of(client, path)
        fleet.configure(box)
        until(lambda: client.get(path).status_code == 404, "the new address")
        with fleet.server.away():
            asked = [threads.submit(lambda: client.get(f"/api/v1{path}/log")) for _ in range(8)]
            of_others = client.get("/jobs/any").status_code
            meanwhile = [each.done() for each in asked]
            found = [each.result() for each in asked]
            last = threads.submit(lambda: status_of(client, path))
            client.get("/jobs/any")
            site.live.signal(signal.SIGTERM)
            ended = site.live.wait()

    assert (away, api[0]) == (502, 502)
    assert "the Temporal server does not answer" in what
    assert hint.startswith("is it running, and is fleet.address right?")
    assert (of_others, any(meanwhile)) == (200, False)
    statuses = [each.status_code for each in found]
    assert (set(statuses) <= {503, 504}, statuses.count(504) >= 4) == (True, True), [each.text for each in found]
    assert last.result() in (None, 503)
    assert (ended.exit_code, "Traceback" in ended.stderr) == (0, False)


def status_of(client: httpx.Client, path: str) -> int | None:
    """Return the status of an answer; None when the server has ended before it was asked."""
    with suppress(httpx.HTTPError):
        return client.get(path).status_code
    return None
