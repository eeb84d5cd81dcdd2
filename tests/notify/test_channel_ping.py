"""Pings of runs by the convention of healthchecks.io, the check that is made for a job, and the ping of the host."""

import json
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box
from kit.mail_server import bad_server, closes_at_once, says_nothing, wait_until_told
from kit.web_receiver import Receiver, Reply, Request, receiver
from process_control.notify.channel import Later, Taken
from process_control.notify.channels.ping.host import ping_host
from process_control.notify.channels.ping.urls import checks_url, ping_url, run_uuid, signal_of


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def signals(requests: list[Request]) -> list[str]:
    return [request.path.partition("?")[0].rpartition("/")[2] for request in requests]


def arguments(request: Request) -> dict[str, str]:
    pairs = [part.partition("=") for part in request.path.partition("?")[2].split("&")]
    return {name: value for name, _, value in pairs}


def run(box: Box, slug: str = "backup") -> None:
    box.run(slug)
    wait_until_told(box)


def messages(box: Box) -> list[tuple[str, str, str]]:
    return [(each["letter"], each["result"], each["detail"]) for each in box.journal() if each["event"] == "message"]


def waiting(box: Box) -> list[Path]:
    return sorted((box.state_directory / "spool/ping").glob("*.json"))


def test_a_run_pings_at_its_start_and_with_its_exit_code_and_output(box: Box, web: Receiver) -> None:
    url = web.url("/ping/KEY/backup")
    box.job("backup", f"command: sh -c 'echo out; echo err >&2; exit 3'\nping: '{url}'")
    run(box)

    start, end = web.wait_for(2)
    [ended] = [each for each in box.journal() if each["event"] == "end"]
    assert (start.path.partition("?")[0], end.path.partition("?")[0]) == (
        "/ping/KEY/backup/start",
        "/ping/KEY/backup/3",
    )
    assert arguments(start) == arguments(end) == {"rid": run_uuid(ended["run_id"]), "create": "1"}
    assert uuid.UUID(arguments(start)["rid"])
    assert (start.body, sorted(end.body.splitlines())) == (b"", [b"err", b"out"])
    assert waiting(box) == []


def test_the_start_is_sent_while_the_job_runs(box: Box, web: Receiver) -> None:
    box.job("backup", f"command: sh -c 'while [ ! -e {box.root}/go ]; do sleep 0.05; done'\nping: '{web.url('/x')}'")
    with box.start("backup") as live:
        assert signals(web.wait_for(1)) == ["start"]
        (box.root / "go").touch()
        live.wait()
    wait_until_told(box)

    assert signals(web.wait_for(2)) == ["start", "0"]


@pytest.mark.parametrize(
    ("outcome", "exit_code", "expected"),
    [
        ("succeeded", 0, "0"),
        ("succeeded", 4, "0"),
        ("warned", 1, "0"),
        ("failed", 3, "3"),
        ("failed", 0, "fail"),
        ("failed", None, "fail"),
        ("failed", 300, "fail"),
        ("lost", None, "fail"),
    ],
)
def test_the_signal_of_an_end(outcome: str, exit_code: int | None, expected: str) -> None:
    assert signal_of(outcome, exit_code) == expected


def test_output_is_masked_and_at_most_ten_kilobytes(box: Box, web: Receiver) -> None:
    secrets = box.root / "environment"
    secrets.write_text("TOKEN=S3cretInEnvironment\n")
    secrets.chmod(0o600)
    box.job(
        "backup",
        f"command: sh -c 'seq 9999; echo $TOKEN'\nenvironment_file: {secrets}\nping: '{web.url('/x?tag=a')}'",
    )
    run(box)

    end = web.wait_for(2)[1]
    assert end.body.endswith(b"\n9999\n***")
    assert len(end.body) == 10_000
    assert arguments(end)["tag"] == "a"


def test_a_skipped_start_pings_nothing_and_a_lost_run_fails(box: Box, web: Receiver) -> None:
    box.job("backup", f"command: sleep 1000\nping: '{web.url('/x')}'")
    with box.start("backup") as live:
        web.wait_for(1)
        box.run("backup")  # skipped: the lock is held
        live.signal(signal.SIGKILL)
        live.wait()
    wait_until_told(box)
    box.job("backup", f"command: 'true'\nping: '{web.url('/x')}'")
    run(box)

    assert signals(web.wait_for(4)) == ["start", "fail", "start", "0"]


def test_a_service_that_is_down_costs_the_run_nothing_and_gets_the_last_run_later(box: Box) -> None:
    with bad_server(closes_at_once) as server:
        port = server.port
        box.job("backup", f"command: 'true'\nping: 'http://127.0.0.1:{port}/S3cretPath'")
        run(box)
        run(box)

    names = [path.name.rpartition(".")[0].rpartition(".")[2] for path in waiting(box)]
    assert "end" in names
    assert messages(box)[0][:2] == ("start", "waits")
    assert f"http://127.0.0.1:{port}/…: the connection was closed without an answer" in messages(box)[0][2]
    assert "S3cretPath" not in json.dumps(box.journal())


def test_a_wrong_url_is_recorded_and_not_tried_for_ever(box: Box, web: Receiver) -> None:
    web.replies = [Reply(404, b"not found"), Reply(404, b"not found")]
    box.job("backup", f"command: 'true'\nping: '{web.url('/S3cretPath')}'")
    run(box)

    why = f"because {web.url('/…')} answered 404 Not Found: not found"
    assert messages(box) == [("start", "given_up", why), ("end", "given_up", why)]
    assert waiting(box) == []


def test_what_comes_while_a_slow_service_answers_is_sent_after_it(box: Box, web: Receiver) -> None:
    def another(request: Request, reply: Reply) -> None:
        if "/start" in request.path and "another" not in request.path:
            [first] = [path for path in waiting(box) if path.name.endswith(".start.json")]
            entry = json.loads(first.read_text()) | {"run_id": "01kanother000001"}
            new = first.with_name(f"9{first.name[1:]}.new")
            new.write_text(json.dumps(entry))
            web.before_reply = lambda *_: None
            new.rename(new.with_suffix(""))

    web.before_reply = another
    box.job("backup", f"command: 'true'\nping: '{web.url('/x')}'")
    run(box)

    assert sorted(signals(web.wait_for(3))) == ["0", "start", "start"]
    assert waiting(box) == []


def test_a_job_without_ping_puts_nothing_into_the_spool(box: Box) -> None:
    box.job("backup", "command: 'true'")
    run(box)

    assert not (box.state_directory / "spool/ping").exists()


# --- the check -------------------------------------------------------------------------------------------------------


def api_key(box: Box) -> Path:
    path = box.root / "api-key"
    path.write_bytes(b"\xef\xbb\xbfS3cretApiKey\n")
    path.chmod(0o600)
    return path


def with_key(box: Box, web: Receiver, more: str) -> None:
    ping = f"ping: {{url: '{web.url('/ping/KEY/{slug}')}', api_key_file: {api_key(box)}}}"
    box.job("backup", f"command: 'true'\n{more}\n{ping}")


def test_the_check_is_made_once_and_again_when_the_job_changes(box: Box, web: Receiver) -> None:
    made = json.dumps({"ping_url": web.url("/ping/0000-uuid")}).encode()
    web.replies = [Reply(201, made)]
    with_key(box, web, "schedule: '*/5 2 * * *'\ntime_zone: Europe/Vienna\nstart_within: 20m")
    run(box)
    run(box)

    check, *pings = web.wait_for(5)
    assert (check.path, check.headers["X-Api-Key"]) == ("/api/v3/checks/", "S3cretApiKey")
    assert json.loads(check.body) == {
        "name": "backup",
        "slug": "backup",
        "unique": ["slug"],
        "grace": 1200,
        "schedule": "*/5 2 * * *",
        "tz": "Europe/Vienna",
    }
    assert [request.path.partition("?")[0] for request in pings] == [
        "/ping/0000-uuid/start",
        "/ping/0000-uuid/0",
        "/ping/0000-uuid/start",
        "/ping/0000-uuid/0",
    ]
    assert "create" not in arguments(pings[0])

    web.replies = [Reply(200, made)]
    with_key(box, web, "schedule: ['0 2 * * *', '0 14 * * *']\ntime_zone: UTC")
    run(box)
    changed = json.loads(web.wait_for(8)[5].body)
    assert (changed["timeout"], "schedule" in changed) == (43200, False)
    assert "S3cretApiKey" not in json.dumps(box.journal())


def test_a_check_that_cannot_be_made_keeps_no_ping_back_and_is_tried_at_the_next(box: Box, web: Receiver) -> None:
    web.replies = [Reply(401, b'{"error": "wrong api key S3cretApiKey"}')]
    with_key(box, web, "schedule: '0 2 * * *'")
    run(box)

    assert [request.path.partition("?")[0] for request in web.wait_for(4)] == [
        "/api/v3/checks/",
        "/ping/KEY/backup/start",
        "/api/v3/checks/",
        "/ping/KEY/backup/0",
    ]
    [(letter, result, why)] = messages(box)
    assert (letter, result) == ("start", "waits")
    assert why == (
        f"the check was not made or changed: {web.url('/…')} answered 401 Unauthorized: "
        '{"error": "wrong api key ***"}'
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hc-ping.com/KEY/backup", "https://healthchecks.io/api/v3/checks/"),
        ("https://hc.example.org:8000/ping/KEY/backup?x", "https://hc.example.org:8000/api/v3/checks/"),
    ],
)
def test_where_the_management_api_is(url: str, expected: str) -> None:
    assert checks_url(url) == expected


def test_the_url_of_a_ping() -> None:
    assert ping_url("https://hc/ping/u/?a=b", "start", run_id="01k", creates=False) == (
        f"https://hc/ping/u/start?a=b&rid={run_uuid('01k')}"
    )
    assert run_uuid("01k") != run_uuid("01m")


# --- the host --------------------------------------------------------------------------------------------------------


def test_the_host_pings_that_all_is_well_and_how_many_are_overdue(web: Receiver) -> None:
    assert ping_host(web.url("/u"), 0) == Taken("200 OK")
    assert ping_host(web.url("/u/?x=1"), 7) == Taken("200 OK")

    assert [(each.method, each.path, each.body) for each in web.requests] == [
        ("GET", "/u", b""),
        ("POST", "/u/fail?x=1", b"7"),
    ]


def test_a_ping_of_the_host_costs_a_bounded_time() -> None:
    with bad_server(says_nothing) as server:
        address, began = server.address, time.monotonic()
        answer = ping_host(f"http://{address}/S3cretPath", 0, seconds=0.5)

    assert answer == Later((), f"http://{address}/…: no answer within 0.5 s")
    assert time.monotonic() - began < 10
    assert isinstance(ping_host("http://[::1/S3cret", 1), Later)
