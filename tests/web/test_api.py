"""The API shows what `--json` prints and what the page says, in parts that fit together."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kit.harness import Box
from kit.pages import Served, served

JOBS = {
    "good": 'command: echo hi\nschedule: "30 2 * * *"\ntags: [night]\nowner: ann\ndescription: See the wiki',
    "bad": "command: sh -c 'echo oops >&2; exit 3'\nretry: {attempts: 2, delay: 0.1s}",
    "odd": "command: printf 'a\\033[31mred\\033[0m\\tb\\ncaf\\303\\251\\nbroken \\377\\n'",
    "rule": "command: sh -c 'echo bad; exit 7'\nverdicts: [{exit_code: 7, verdict: hold}]",
    "paused": "command: 'true'",
    "off": "command: 'true'\nschedule: '* * * * *'\ndisabled: true",
    "typo": "comand: x",
    "many": "command: sh -c 'seq 1 30; echo w >&2'",
}


@pytest.fixture(scope="module")
def box(shared_box: Box) -> Box:
    box = shared_box
    for slug, text in JOBS.items():
        box.job(slug, text)
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    for slug in ("good", "bad", "odd", "rule", "many", "bad"):
        box.run(slug)
    box.process_control("pause", "paused", "--for", "1h", "--note", "why not")
    return box


@pytest.fixture(scope="module")
def site(box: Box) -> Iterator[Served]:
    with served(box) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Served) -> Iterator[httpx.Client]:
    with site.client() as client:
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
        assert get(client, f"/jobs/{job['slug']}") == {"version": 1, "job": job}
    for run in told(box, "history", "--limit", "0")["runs"]:
        assert get(client, f"/runs/{run['run_id']}") == {"version": 1, "run": run}
        shown = get(client, f"/runs/{run['run_id']}/log?limit=1000")
        assert shown == {**told(box, "logs", "--run", run["run_id"]), "next": None}
    for incident in told(box, "incidents")["incidents"]:
        assert get(client, f"/incidents/{incident['id']}") == told(box, "incidents", "show", incident["id"])
