"""Webhooks: what is posted and how it is signed, what each answer means, receivers that misbehave, and secrets."""

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.events import until
from kit.harness import Box
from kit.mail_server import bad_server, certificate, closes_at_once, says_nothing, wait_until_told
from kit.notices import CONTENTS, HOST, notice
from kit.ports import refused
from kit.web_receiver import Receiver, Reply, after_request, receiver
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Never, Taken
from process_control.notify.channels.webhook.channel import WebhookChannel
from process_control.notify.spool import Entry

SECRET_PATH = "/hooks/S3cretPathPart?token=S3cretToken99"
KEY = "the-k3y-of-the-webhook"


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def to(url: str, **how: object) -> Recipient:
    return Recipient(url=url, **how)  # type: ignore[arg-type]


def key_file(directory: Path, data: bytes = KEY.encode(), *, mode: int = 0o600) -> str:
    path = directory / "key"
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def entry_for(recipient: Recipient) -> Entry:
    entry = WebhookChannel().compose(notice(), CONTENTS, recipient, None)
    assert entry is not None
    return entry


def deliver(recipient: Recipient, *, channel: WebhookChannel | None = None, entry: Entry | None = None) -> Answer:
    channel = channel or WebhookChannel(deadline_seconds=20)
    return channel.deliver(entry or entry_for(recipient), recipient=recipient, job=None)


def why(answer: Answer) -> str:
    assert isinstance(answer, Later), answer
    return answer.why


def test_what_is_posted(web: Receiver) -> None:
    assert deliver(to(web.url("/hook"))) == Taken("200 OK")

    [request] = web.requests
    body = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == notice().id
    assert re.fullmatch(r"process-control/[0-9.]+", request.headers["User-Agent"])
    assert "Process-Control-Signature" not in request.headers
    assert sorted(body) == ["event", "host", "incident", "run", "text", "version"]
    assert (body["version"], body["event"], body["host"], body["text"]) == (1, "opened", HOST, CONTENTS.text)
    assert (body["incident"]["id"], body["incident"]["state"]) == ("backup~01kfailedrun0001", "open")
    assert (body["run"]["run_id"], body["run"]["exit_code"], body["run"]["attempts"]) == ("01kfailedrun0001", 3, [])


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\r\n"], ids=["plain", "newline", "CRLF"])
def test_the_signature_is_that_of_the_body_and_the_time(
    web: Receiver, tmp_path: Path, before: bytes, after: bytes
) -> None:
    deliver(to(web.url(), key_file=key_file(tmp_path, before + KEY.encode() + after)))

    [request] = web.requests
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["Process-Control-Signature"])
    assert found
    assert abs(int(found[1]) - time.time()) < 60
    expected = hmac.new(KEY.encode(), found[1].encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert found[2] == expected


def test_each_try_sends_the_same_body_under_the_same_key(web: Receiver) -> None:
    web.replies = [Reply(500), Reply(202)]
    recipient = to(web.url())
    entry = entry_for(recipient)

    assert "500 Internal Server Error" in why(deliver(recipient, entry=entry))
    assert deliver(recipient, entry=entry) == Taken("202 Accepted")

    first, second = web.requests
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


@pytest.mark.parametrize("status", [400, 401, 404, 408, 425, 429, 500, 502, 503])
def test_what_is_refused_today_is_tried_again(web: Receiver, status: int) -> None:
    web.replies = [Reply(status)]

    assert f"{web.url('/…')} answered {status}" in why(deliver(to(web.url(SECRET_PATH))))


def test_what_is_gone_is_given_up(web: Receiver) -> None:
    web.replies = [Reply(410)]

    assert deliver(to(web.url(SECRET_PATH))) == Never(f"{web.url('/…')} answered 410 Gone")


def test_a_redirect_is_not_followed(web: Receiver) -> None:
    web.replies = [Reply(302, headers={"Location": web.url("/other/S3cretLocation")})]

    said = why(deliver(to(web.url(SECRET_PATH))))

    assert said == (
        f"{web.url('/…')} answered 302 Found, a redirect to {web.url('/…')}, which is not followed; "
        "write the URL where it leads"
    )
    assert len(web.requests) == 1


def test_the_first_line_of_a_refusal_is_shown_without_secrets(web: Receiver, tmp_path: Path) -> None:
    web.replies = [Reply(403, f"invalid_token S3cretToken99 {KEY} /hooks/S3cretPathPart\x1b[31m\nmore".encode())]

    said = why(deliver(to(web.url(SECRET_PATH), key_file=key_file(tmp_path))))

    assert said == f"{web.url('/…')} answered 403 Forbidden: invalid_token *** *** /***\\x1b[31m"


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (says_nothing, "no answer within 1 s"),
        (closes_at_once, "the connection was closed without an answer"),
        (after_request(b""), "the connection was closed without an answer"),
        (after_request(b"SSH-2.0-OpenSSH_9.2\r\n"), "no answer in HTTP (BadStatusLine)"),
        (after_request(b"HTTP/1.1 2", repeated=b"0"), "no answer in HTTP (LineTooLong)|no answer within 1 s"),
        (after_request(OK, repeated=b"X: y\r\n"), "no answer in HTTP (HTTPException)|no answer within 1 s"),
        (after_request(b"HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\n", repeated=b"x"), "500 Internal Server Error: x"),
        (after_request(b"HTTP/1.1 503 x\r\n\r\n"), "503 Service Unavailable"),
    ],
    ids=[
        "says nothing",
        "closes at once",
        "closes after the request",
        "is no web server",
        "drips a status",
        "drips headers",
        "drips a body",
        "empty",
    ],
)
def test_a_receiver_that_misbehaves_costs_a_bounded_time(script: object, expected: str) -> None:
    with bad_server(script) as server:  # type: ignore[arg-type]
        address = server.address
        recipient = to(f"http://{address}{SECRET_PATH}")
        entry, began = entry_for(recipient), time.monotonic()

        # Only what never ends is waited for: a receiver on a busy host may need more than a second to misbehave.
        seconds = 1 if "within 1 s" in expected else 20
        said = why(deliver(recipient, channel=WebhookChannel(deadline_seconds=seconds), entry=entry))

    assert time.monotonic() - began < 10
    assert any(f"{each}" in said for each in expected.split("|")), said
    assert f"http://{address}/…" in said


def test_what_is_taken_is_taken_though_the_body_never_ends() -> None:
    with bad_server(after_request(OK + b"\r\n", repeated=b"x" * 1000)) as server:
        assert deliver(to(f"http://{server.address}/")) == Taken("200 OK")


def test_nobody_listens() -> None:
    with refused() as port:
        said = why(deliver(to(f"http://127.0.0.1:{port}{SECRET_PATH}")))

    assert said == f"http://127.0.0.1:{port}/…: connection refused"


def test_a_receiver_that_hangs_is_waited_for_once_in_a_round() -> None:
    callers: list[str] = []
    with bad_server(lambda connection: callers.append(str(connection.getpeername()))) as server:
        recipient = to(f"http://{server.address}/")
        channel = WebhookChannel(deadline_seconds=0.3)

        answers = [deliver(recipient, channel=channel) for _ in range(3)]

        assert len(set(map(why, answers))) == 1
        with socket.create_connection(("127.0.0.1", server.port)) as last:  # whoever came before it is known by then
            until(lambda: str(last.getsockname()) in callers, "the server to see us")
        assert len(callers) == 2


def test_plain_http_leaves_this_host_never(web: Receiver) -> None:
    with receiver() as server:
        own = own_address()
        if own is None:
            pytest.skip("this host has no address but loopback")
        listener = socket.create_server((own, 0))
        with listener:
            said = why(deliver(to(f"http://{own}:{listener.getsockname()[1]}{SECRET_PATH}")))
            listener.settimeout(5)
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(100) == b"", "nothing was sent"
        assert server.requests == []
    assert said.endswith("http:// is for this host only, since anybody on the way could read it; use https://")


def own_address() -> str | None:
    """Return an address of this host that is not of the loopback network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


def test_https_with_a_trusted_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with receiver(context) as server:
        assert deliver(to(server.url("/hook"))) == Taken("200 OK")
        assert len(server.requests) == 1


def test_https_with_a_certificate_that_nobody_trusts_or_of_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path, "localhost")
    with receiver(context) as server:
        unknown = why(deliver(to(server.url(SECRET_PATH))))
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        other = why(deliver(to(server.url(SECRET_PATH))))
        assert server.requests == []

    assert "its certificate is not trusted: self-signed certificate" in unknown
    assert "its certificate is not trusted: IP address mismatch" in other


def test_https_where_no_tls_is(web: Receiver) -> None:
    said = why(deliver(to(web.url(SECRET_PATH).replace("http:", "https:"))))

    assert said == f"https://127.0.0.1:{web.port}/…: TLS failed: wrong version number"


def test_a_login_in_the_url_is_sent_as_one_and_shown_nowhere(web: Receiver) -> None:
    web.replies = [Reply(500, b"what is Basic YW5uOlMzY3JldCFMb2dpbg==")]
    url = web.url("/hook").replace("http://", "http://ann:S3cret%21Login@")

    said = why(deliver(to(url)))

    assert web.requests[0].headers["Authorization"] == "Basic YW5uOlMzY3JldCFMb2dpbg=="
    assert said == f"{web.url('/…')} answered 500 Internal Server Error: what is Basic ***"


def test_a_url_from_a_file(web: Receiver, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_bytes(b"\xef\xbb\xbf" + web.url(SECRET_PATH).encode() + b"\n")
    path.chmod(0o600)
    recipient = Recipient(url_file=str(path))

    assert deliver(recipient) == Taken("200 OK")
    assert web.requests[0].path == SECRET_PATH
    assert recipient.shown == f"the URL in {path}"


@pytest.mark.parametrize(
    ("data", "mode", "expected"),
    [
        (KEY.encode(), 0o644, "the key file has mode 0644: others could read or change it; chmod 0600"),
        (b"\n", 0o600, "the key file is empty"),
        (None, 0o600, "key_file: No such file or directory"),
    ],
    ids=["others read it", "empty", "missing"],
)
def test_a_key_file_that_cannot_be_used(
    web: Receiver, tmp_path: Path, data: bytes | None, mode: int, expected: str
) -> None:
    path = str(tmp_path / "key") if data is None else key_file(tmp_path, data, mode=mode)

    said = why(deliver(to(web.url(), key_file=path)))

    assert expected in said
    assert web.requests == []


@pytest.mark.parametrize("url", ["https://", "https://host:port/S3cretPathPart", "https://[::1/S3cretPathPart"])
def test_a_url_that_is_none(url: str) -> None:
    assert why(deliver(to(url))) == "its URL names no host, or a port that is no number"


def test_a_url_with_characters_that_cannot_be_sent(web: Receiver) -> None:
    assert deliver(to(web.url("/hook/ü ?x=ä"))) == Taken("200 OK")
    assert web.requests[0].path == "/hook/%C3%BC%20?x=%C3%A4"


def test_what_waits_holds_no_secret(tmp_path: Path) -> None:
    recipient = to(f"https://ann:S3cretLogin@hooks.example.org{SECRET_PATH}", key_file=key_file(tmp_path))

    kept = json.dumps(entry_for(recipient))

    assert [word for word in ("S3cret", KEY) if word in kept + recipient.shown] == []
    assert recipient.shown == "https://hooks.example.org/…"


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_a_pause_gets_it(box: Box, web: Receiver, status: int) -> None:
    web.replies = [Reply(status, headers={"Retry-After": "600"})]
    box.configure(notify=[web.url("/hook")])
    box.job("backup", "command: 'false'")
    box.run("backup")
    wait_until_told(box)

    [entry] = [json.loads(path.read_text()) for path in (box.state_directory / "spool").glob("http~*/*.json")]
    assert 500 < entry["next_at"] - time.time() <= 600
    assert len(web.requests) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("Sat, 01 Jan 2000 00:00:00 GMT", None), ("soon", None), ("", None)]
)
def test_what_retry_after_may_be(web: Receiver, text: str, seconds: int | None) -> None:
    web.replies = [Reply(503, headers={"Retry-After": text})]

    answer = deliver(to(web.url()))

    assert isinstance(answer, Later)
    if seconds is None:
        assert answer.retry_at is None or answer.retry_at < time.time()
    else:
        assert answer.retry_at is not None
        assert abs(answer.retry_at - time.time() - seconds) < 30
