"""The API acts as the commands do: who asked is in every record, what is wrong in a body is said."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kit.harness import Box, until
from kit.outages import hours_ago, planned_at, there_since
from kit.pages import Served, served
from kit.runs import ends, records, starts
from kit.schedulers import scheduler
from process_control.web.access.store import TOKENS, GrantStore

PAST = hours_ago(2)
SLOT = f"{PAST:%Y-%m-%dT%H:%M}Z"


def token_of(box: Box, name: str, role: str) -> str:
    return GrantStore(str(box.state_directory), TOKENS).add(name=name, role=role, seconds=0, by="tests")[0]


def as_ci(site: Served, role: str = "operator") -> Any:
    token = token_of(site.box, f"ci-{role}", role)
    return site.client(opened=False, headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def site(web_box: Box) -> Iterator[Served]:
    web_box.job("job", f"command: /bin/echo hi\nslow_start_command: /bin/true\n{planned_at(PAST)}")
    there_since(web_box, hours_ago(30))
    with served(web_box) as site:
        yield site


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return client.post(f"/api/v1{path}", json=body)


def facts(box: Box) -> list[tuple[Any, ...]]:
    return [tuple(start.get(name) for name in ("trigger", "by", "note", "slow_start")) for start in starts(box)]


@pytest.mark.parametrize("is_scheduled", [False, True], ids=["beside", "by the scheduler"])
def test_a_run_says_that_it_was_started_by_the_api_and_by_whom(site: Served, is_scheduled: bool) -> None:
    box = site.box
    with as_ci(site) as client:
        if is_scheduled:
            with scheduler(box) as live:
                answer = post(client, "/jobs/job/run", note="because", slow_start=True)
                until(lambda: len(ends(box)) == 1, "its end")
                until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")
        else:
            answer = post(client, "/jobs/job/run", note="because", slow_start=True)
            until(lambda: len(ends(box)) == 1, "its end")

    [start] = starts(box)
    assert answer.status_code == 200, answer.text
    assert answer.json()["jobs"][0] == {
        "job": "job", "done": "started", "changed": True, "run_id": start["run_id"], "why": None, "exit_code": None,
    }  # fmt: skip
    assert facts(box) == [("web", "ci-operator (API)", "because", True)]


def test_a_run_for_a_past_planned_time(site: Served) -> None:
    with as_ci(site) as client:
        answer = post(client, "/jobs/job/run", slot=SLOT)
        until(lambda: len(ends(site.box)) == 1, "its end")
        never = post(client, "/jobs/job/run", slot=f"{hours_ago(3):%Y-%m-%dT%H:%M}Z")
        later = post(client, "/jobs/job/run", slot="2999-01-01")

    assert answer.status_code == 200, answer.text
    assert starts(site.box)[0]["scheduled_at"] == f"{PAST:%Y-%m-%dT%H:%M}:00.000Z"
    assert (never.status_code, later.status_code) == (404, 404)
    assert "was not planned for" in never.json()["error"]["what"]


def test_what_is_refused_is_409_with_the_words_of_the_run(site: Served) -> None:
    with as_ci(site) as client:
        assert post(client, "/jobs/job/hold", note="not now").status_code == 200
        refused = post(client, "/jobs/job/run")
        forced = post(client, "/jobs/job/run", force=True)
        until(lambda: len(ends(site.box)) == 1, "its end")

    assert refused.status_code == 409
    assert "on hold since" in refused.json()["error"]["what"]
    assert forced.status_code == 200


def test_without_a_scheduler_the_page_of_the_service_offers_the_line(web_box: Box) -> None:
    web_box.job("job", "command: 'true'")
    with served(web_box, "--no-starts") as site, as_ci(site) as client:
        answer = post(client, "/jobs/job/run", note="two words", force=True)
        with scheduler(web_box) as live:
            assert post(client, "/jobs/job/run").status_code == 200
            until(lambda: len(ends(web_box)) == 1, "its end")
            until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")

    assert answer.status_code == 409
    assert answer.json()["error"]["hint"].startswith("process-control run job --force --note 'two words'")
    assert len(starts(web_box)) == 1


def test_stop_hold_pause_and_release_name_the_caller(site: Served) -> None:
    box = site.box
    started = box.fifo("started")
    box.job("long", f"command: sh -c 'echo up > {started}; exec sleep 1000'")
    with as_ci(site) as client:
        post(client, "/jobs/long/run")
        started.read_line()
        stopped = post(client, "/jobs/long/stop", note="enough").json()["jobs"][0]
        again = post(client, "/jobs/long/stop").json()["jobs"][0]
        held = post(client, "/jobs/job/hold", note="why not").json()["jobs"][0]
        paused = post(client, "/jobs/long/pause", **{"for": "2h"}).json()["jobs"][0]
        released = [post(client, f"/jobs/{job}/release").json()["jobs"][0] for job in ("job", "long", "job")]

    assert (stopped["done"], again["done"], again["why"]) == ("stopped", "not stopped", "nothing is running")
    assert (held["done"], held["held"]["why"]) == ("held", "why not")
    assert held["held"]["by"].startswith("ci-operator (API)@")
    assert (paused["done"], paused["held"]["until"] is not None) == ("held", True)
    assert [each["changed"] for each in released] == [True, True, False]
    [stop] = records(box, "stop")
    assert (stop["by"], stop["detail"]) == ("ci-operator (API)", "enough")


def test_an_incident_is_acknowledged_and_silenced_with_all_its_jobs(web_box: Box) -> None:
    web_box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    web_box.job("bad", "command: 'false'")
    web_box.run("bad")
    with served(web_box) as site, as_ci(site) as client:
        until(lambda: client.get("/api/v1/incidents").json()["incidents"], "an incident")
        [incident] = client.get("/api/v1/incidents").json()["incidents"]
        known = post(client, f"/incidents/{incident['id']}/ack", note="on it")
        silenced = post(client, f"/incidents/{incident['id']}/silence", **{"for": "1h", "note": "night"})
        nowhere = post(client, "/incidents/nowhere/ack")

    assert known.json()["incident"]["acknowledged"]["by"] == "ci-operator (API)"
    [silence] = silenced.json()["silences"]
    assert (silence["job"], silence["done"], silence["by"], silence["note"]) == (
        "bad", "silenced", "ci-operator (API)", "night",
    )  # fmt: skip
    assert nowhere.status_code == 404


BODIES = [
    ("/jobs/job/run", {"fore": True}, "did you mean force?"),
    ("/jobs/job/run", {"force": "yes"}, None),
    ("/jobs/job/run", {"slot": "03:00"}, "7d or 90s"),
    ("/jobs/job/run", {"note": 7}, "why"),
    ("/jobs/job/run", {"note": "x" * 501}, None),
    ("/jobs/job/pause", {}, "how long"),
    ("/jobs/job/pause", {"for": "soon"}, "90s, 10m, 2h or 1d"),
    ("/jobs/job/pause", {"for": "0s"}, "90s, 10m, 2h or 1d"),
    ("/jobs/job/hold", {"for": "1h"}, None),
    ("/jobs/job/hold?force=true", {}, None),
]


def test_what_is_wrong_in_a_body_is_said_and_nothing_is_done(site: Served) -> None:
    with as_ci(site) as client:
        for path, body, hint in BODIES:
            answer = post(client, path, **body)
            assert answer.status_code == 400, (path, body)
            assert (hint or "") in (answer.json()["error"]["hint"] or ""), (path, body, answer.text)
        send = {"url": "/api/v1/jobs/job/hold", "headers": {"content-type": "application/json"}}
        for content in (b"{", b"[]", b'{"note": "\\ud800"}', b"\xff", b"[" * 60000, b"1"):
            assert client.post(**send, content=content).status_code == 400, content[:20]
        assert client.post(**send, content=b" " * 70000).status_code == 413
        assert client.post("/api/v1/jobs/job/hold", data={"note": "x"}).status_code == 415
        assert client.post("/api/v1/jobs/job/hold", content=b"x").status_code == 415
        for slug in ("*", "tag:x", "nowhere", "%2e%2e"):
            assert client.post(f"/api/v1/jobs/{slug}/hold").status_code == 404, slug
        assert client.get("/api/v1/jobs/job").json()["job"]["held"] is None
        assert client.post("/api/v1/jobs/job/hold").status_code == 200  # no body at all


def test_who_may_not_act_does_not(site: Served) -> None:
    with as_ci(site, "viewer") as viewer:
        assert viewer.get("/api/v1/jobs").status_code == 200
        assert post(viewer, "/jobs/job/hold").status_code == 403
    with site.client(opened=False, headers={"authorization": "Bearer wrong"}) as stranger:
        answer = stranger.get("/api/v1/jobs")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    with site.client() as browser:
        assert "token of its forms" in post(browser, "/jobs/job/hold").json()["error"]["what"]
        token = browser.get("/acts/hold?job=job").text.partition('name="form_token" value="')[2].partition('"')[0]
        headers = {"x-form-token": token, "sec-fetch-site": "same-origin"}
        assert browser.post("/api/v1/jobs/job/hold", headers=headers).status_code == 200
        other = headers | {"sec-fetch-site": "cross-site"}
        assert browser.post("/api/v1/jobs/job/release", headers=other).status_code == 403


def test_on_a_read_only_page_nobody_does(web_box: Box) -> None:
    web_box.job("job", "command: 'true'")
    with served(web_box, "--read-only") as site, as_ci(site) as client:
        assert post(client, "/jobs/job/hold").status_code == 403
