"""What a run printed, by the API: in parts while it grows, by stream, searched, with secrets masked."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kit.harness import Box, until
from kit.pages import Served, served
from process_control.web.answers import decoded, encoded

SECRET = "hunter2secret"


@pytest.fixture
def site(web_box: Box) -> Iterator[Served]:
    with served(web_box) as site:
        yield site


def log_of(client: httpx.Client, run_id: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1/runs/{run_id}/log", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def texts(part: Any) -> list[str]:
    return [line["text"] for line in part["lines"]]


def test_a_running_job_is_followed_by_next_and_its_end_is_null(site: Served) -> None:
    box = site.box
    started, release = box.fifo("started"), box.fifo("release")
    script = f"echo one; echo e1 >&2; echo up > {started}; read line < {release}; echo two; echo three"
    box.job("job", f"command: sh -c '{script}'")
    with site.client() as client, box.start("job") as live:
        started.read_line()
        run_id = client.get("/api/v1/runs").json()["runs"][0]["run_id"]
        # The job has written its lines; into the log they come a moment later.
        until(lambda: len(log_of(client, run_id)["lines"]) == 2, "both lines in the log")
        first = log_of(client, run_id, limit=1)
        second = log_of(client, run_id, cursor=first["next"])
        third = log_of(client, run_id, cursor=second["next"])
        release.write_line("")
        live.wait()
        last = log_of(client, run_id, cursor=third["next"])

    assert (len(first["lines"]), sorted(texts(first) + texts(second))) == (1, ["e1", "one"])
    assert (texts(third), texts(last), last["next"]) == ([], ["two", "three"], None)


def test_by_stream_from_the_end_and_searched(site: Served) -> None:
    site.box.job("job", "command: sh -c 'seq 1 3000; echo oops 77 >&2'")
    site.box.run("job")
    with site.client() as client:
        run_id = client.get("/api/v1/runs").json()["runs"][0]["run_id"]
        plain = log_of(client, run_id, grep="oops|2999")
        regex = log_of(client, run_id, grep="^[0-9]*77$", limit=20)
        more = log_of(client, run_id, grep="^[0-9]*77$", limit=20, cursor=regex["next"])
        slow = client.get(f"/api/v1/runs/{run_id}/log", params={"grep": "(o*)*x(o*)*y|^(1?1?1?)*(1|11)*$"})
        wrong = client.get(f"/api/v1/runs/{run_id}/log", params={"grep": "("})
        out_of_place = client.get(f"/api/v1/runs/{run_id}/log", params={"grep": "x", "last": "1"})
        assert texts(log_of(client, run_id, stream="err")) == ["oops 77"]
        assert texts(log_of(client, run_id, last=2, stream="out")) == ["2999", "3000"]
        assert "raw" in client.get(f"/api/v1/runs/{run_id}/log?raw=true").json()["error"]["what"]

    assert sorted(texts(plain)) == ["2999", "oops 77"]
    assert texts(regex) + texts(more) == [str(number) for number in range(77, 3001, 100)]
    assert (slow.status_code in (200, 400), wrong.status_code, out_of_place.status_code) == (True, 400, 400)


def test_secrets_are_masked_and_no_cursor_gets_around_that(site: Served) -> None:
    box = site.box
    variables = box.root / "secrets.env"
    variables.write_text(f"TOKEN={SECRET}\n")
    variables.chmod(0o600)
    box.job("job", f"command: sh -c 'echo one; echo a $TOKEN b'\nenvironment_file: {variables}")
    box.run("job")
    with site.client() as client:
        run_id = client.get("/api/v1/runs").json()["runs"][0]["run_id"]
        part = log_of(client, run_id, limit=1)
        mark = decoded(part["next"])
        forged = encoded(f"{mark[:24]}0 0 8 0;;")
        answer = client.get(f"/api/v1/runs/{run_id}/log", params={"cursor": forged})
        for_another = client.get(f"/api/v1/runs/{run_id}/log", params={"cursor": part["next"], "stream": "out"})
        assert texts(log_of(client, run_id, cursor=part["next"])) == ["a *** b"]
        assert texts(log_of(client, run_id, grep="hunter2")) == []

    assert (answer.status_code, for_another.status_code) == (400, 400)


def test_without_a_log_it_says_why(site: Served) -> None:
    site.box.job("job", "command: 'true'")
    site.box.run("job")
    for path in site.box.output_directory.rglob("*.log*"):
        path.unlink()
    with site.client() as client:
        run_id = client.get("/api/v1/runs").json()["runs"][0]["run_id"]
        answer = client.get(f"/api/v1/runs/{run_id}/log")

    assert answer.status_code == 404
    assert "was removed" in answer.json()["error"]["what"]
