"""The API shows what `--json` prints and what the page says, in parts that fit together."""

import html
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from kit.harness import Box, until
from kit.outages import hours_ago, planned_at, there_since
from kit.pages import Served, served
from kit.plays_scheduler import plays_scheduler

PLANNED = planned_at(hours_ago(2), hours_ago(5), hours_ago(9))
JOBS = {
    "good": f"command: echo hi\n{PLANNED}\ntags: [night]\nowner: ann\ndescription: See the wiki",
    "bad": "command: sh -c 'echo oops >&2; exit 3'\nretry: {attempts: 2, delay: 0.1s}",
    "odd": "command: printf 'a\\033[31mred\\033[0m\\tb\\ncaf\\303\\251\\nbroken \\377\\n'",
    "rule": "command: sh -c 'echo bad; exit 7'\nverdicts: [{exit_code: 7, verdict: hold}]",
    "paused": "command: 'true'",
    "off": f"command: 'true'\n{PLANNED}\ndisabled: true",
    "also": f"command: 'true'\n{PLANNED}",
    "typo": "comand: x",
    "many": "command: sh -c 'seq 1 30; echo w >&2'",
}


@pytest.fixture(scope="module")
def box(shared_box: Box) -> Box:
    box = shared_box
    for slug, text in JOBS.items():
        box.job(slug, text)
    there_since(box, hours_ago(30))
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    for slug in ("good", "bad", "odd", "rule", "many", "bad"):
        box.run(slug)
    box.process_control("pause", "paused", "--for", "1h", "--note", "why not")
    box.wait_until_all_ended()
    return box


@pytest.fixture(scope="module")
def site(box: Box) -> Iterator[Served]:
    with served(box) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Served) -> Iterator[httpx.Client]:
    with site.client(limits=httpx.Limits(max_keepalive_connections=0)) as client:  # none is left open by a test
        yield client


def told(box: Box, *words: str) -> Any:
    return json.loads(box.process_control(*words, "--json").stdout)


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def without_next(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != "next"}


SAME = [
    ("/jobs?limit=1000", ["status"]),
    ("/runs?limit=1000", ["history", "--limit", "0"]),
    ("/runs?job=bad&outcome=failed&limit=1", ["history", "bad", "--outcome", "failed", "--limit", "1"]),
    ("/slots?since=2d", ["slots", "--since", "2d"]),
    ("/why?job=paused", ["why", "paused"]),
    ("/why?job=off", ["why", "off"]),
    ("/why?job=typo", ["why", "typo"]),
    ("/incidents", ["incidents"]),
    ("/incidents?all=true&job=bad", ["incidents", "--all", "bad"]),
    ("/day", ["day"]),
    ("/day?date=tomorrow&job=tag:night", ["day", "tomorrow", "--job", "tag:night"]),
]


@pytest.mark.parametrize(("path", "words"), SAME, ids=[path for path, _ in SAME])
def test_the_answer_is_that_of_the_command(box: Box, client: httpx.Client, path: str, words: list[str]) -> None:
    assert without_next(get(client, path)) == told(box, *words)


def test_each_job_run_log_and_incident_is_that_of_the_command(box: Box, client: httpx.Client) -> None:
    for job in told(box, "status")["jobs"]:
        assert get(client, f"/jobs/{job['job']}") == {"version": 1, "job": job}
    for run in told(box, "history", "--limit", "0")["runs"]:
        assert get(client, f"/runs/{run['run_id']}") == {"version": 1, "run": run}
        shown = get(client, f"/runs/{run['run_id']}/log?limit=1000")
        assert shown == {**told(box, "logs", "--run", run["run_id"]), "next": None}
    for incident in told(box, "incidents")["incidents"]:
        assert get(client, f"/incidents/{incident['id']}") == told(box, "incidents", "show", incident["id"])


def test_the_page_shows_the_same(client: httpx.Client) -> None:
    page = html.unescape(client.get("/").text)
    for job in get(client, "/jobs?limit=1000")["jobs"]:
        row = page.partition(f'data-job="{job["job"]}"')[2].partition("data-job=")[0]
        assert f">{job['state']}<" in row, job["job"]
        assert job["state"] == "invalid" or job["held"] is not None or (job["why"] or "").split("\n")[0][:40] in row
    for run in get(client, "/runs?limit=1000")["runs"]:
        shown = html.unescape(client.get(f"/runs/{run['run_id']}").text)
        assert run["outcome"] in shown
        assert (run["detail"] or "")[:40] in shown
    for incident in get(client, "/incidents")["incidents"]:
        assert incident["id"] in client.get("/incidents").text


def walk(client: httpx.Client, path: str, name: str, between: Callable[[], object] = lambda: None) -> list[Any]:
    """Return all rows, part by part, by the addresses of the Link headers."""
    rows, address = [], f"/api/v1{path}"
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        rows += answer.json()[name]
        link = answer.headers.get("link", "")
        assert bool(link) == (answer.json()["next"] is not None)
        address = link.partition("<")[2].partition(">")[0]
        between()
    return rows


PARTS = [
    ("/jobs", "jobs"),
    ("/jobs?state=failing", "jobs"),
    ("/runs", "runs"),
    ("/runs?outcome=failed", "runs"),
    ("/slots?since=2d", "slots"),
    ("/slots?since=2d&job=also&fate=missed", "slots"),
    ("/incidents?all=true", "incidents"),
]


@pytest.mark.parametrize(("path", "name"), PARTS, ids=[path for path, _ in PARTS])
def test_reading_part_by_part_gives_each_row_once(client: httpx.Client, path: str, name: str) -> None:
    joined = path + ("&" if "?" in path else "?")
    whole = get(client, f"{joined}limit=1000")[name]

    assert len(whole) > 1 or name == "incidents"
    assert walk(client, f"{joined}limit=1", name) == whole
    assert walk(client, f"{joined}limit=3", name) == whole


def test_runs_that_begin_meanwhile_change_nothing_of_a_walk(box: Box, client: httpx.Client) -> None:
    runs = [run["run_id"] for run in get(client, "/runs?limit=1000")["runs"]]
    jobs = sorted(job["job"] for job in get(client, "/jobs?limit=1000")["jobs"])
    words = iter(["bad", "good", "odd", "bad", "good", "odd", "bad"])

    def run_one() -> None:
        if (word := next(words, None)) is not None:
            box.run(word)
            [newest] = get(client, f"/runs?job={word}&limit=1")["runs"]
            until(lambda: get(client, f"/jobs/{word}")["job"]["last"] == newest, "the page looks again")

    walked = walk(client, "/runs?limit=3", "runs", run_one)
    assert [run["run_id"] for run in walked] == runs
    assert sorted(job["job"] for job in walk(client, "/jobs?limit=2", "jobs", run_one)) == jobs


def test_an_etag_saves_what_has_not_changed(client: httpx.Client) -> None:
    whole = client.get("/api/v1/runs")
    again = client.get("/api/v1/runs", headers={"if-none-match": f'"other", {whole.headers["etag"]}'})
    other = client.get("/api/v1/runs", headers={"if-none-match": '"other"'})
    head = client.head("/api/v1/runs")

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", whole.headers["etag"])
    assert other.status_code == 200
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]


WRONG = [
    ("GET", "/jobs?stat=failing", 400, "did you mean state?"),
    ("GET", "/jobs?state=good", 400, "one of: "),
    ("GET", "/jobs?limit=0", 400, "a whole number from 1 to 1000"),
    ("GET", "/jobs?limit=1001", 400, "a whole number from 1 to 1000"),
    ("GET", "/jobs?limit=5&limit=6", 400, None),
    ("GET", "/runs?cursor=abc", 400, "send the one of `next` as it is"),
    ("GET", "/slots?cursor=abc", 400, "send the one of `next` as it is"),
    ("GET", "/runs?since=soon", 400, "7d or 90s"),
    ("GET", "/runs?since=2026-02-30", 400, None),
    ("GET", "/runs?job=nowhere", 404, None),
    ("GET", "/jobs/nowhere", 404, "GET /api/v1/jobs"),
    ("GET", "/runs/0000000000000000", 404, None),
    ("GET", "/incidents/nowhere", 404, None),
    ("GET", "/why", 400, "the job"),
    ("GET", "/nowhere", 404, None),
    ("GET", "/jobs/good/run", 405, "it takes POST"),
    ("DELETE", "/jobs", 405, "it takes "),
    ("POST", "/why?job=good", 405, "it takes "),
]


@pytest.mark.parametrize(("method", "path", "status", "hint"), WRONG, ids=[f"{each[0]} {each[1]}" for each in WRONG])
def test_what_is_wrong_is_said(client: httpx.Client, method: str, path: str, status: int, hint: str | None) -> None:
    answer = client.request(method, f"/api/v1{path}")

    assert answer.status_code == status, answer.text
    assert answer.json()["version"] == 1
    assert sorted(answer.json()["error"]) == ["hint", "what"]
    assert (hint or "") in (answer.json()["error"]["hint"] or "")
    assert ("allow" in answer.headers) == (status == 405)


def test_metrics_are_those_of_the_command(box: Box, site: Served, client: httpx.Client) -> None:
    shown, told_ = client.get("/metrics"), box.process_control("metrics").stdout

    def steady(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("process_control_scheduler")]

    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert steady(shown.text) == steady(told_)
    with site.client(opened=False) as stranger:
        assert stranger.get("/metrics").status_code == 403


def test_long_answers_are_compressed_for_whoever_wants_it(client: httpx.Client) -> None:
    packed = client.get("/api/v1/jobs", headers={"accept-encoding": "gzip"})
    plain = client.get("/api/v1/jobs", headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert "content-encoding" not in client.get("/", headers={"accept-encoding": "gzip"}).headers


def test_healthz_answers_everybody_whether_cron_or_the_scheduler_is_alive(web_box: Box) -> None:
    with served(web_box) as site, site.client(opened=False) as stranger:
        assert (stranger.get("/healthz").status_code, stranger.get("/healthz").json()["alive"]) == (200, True)
        assert stranger.head("/healthz").status_code == 200
        assert web_box.configuration is not None
        with plays_scheduler(web_box.configuration) as played:
            until(lambda: stranger.get("/healthz").status_code == 200, "it is alive")
            played.kill()
            until(lambda: stranger.get("/healthz").status_code == 503, "it is dead")
            assert stranger.get("/healthz").json() == {"version": 1, "alive": False}
