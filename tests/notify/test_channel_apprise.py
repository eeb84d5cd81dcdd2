"""Services of apprise: real requests of its plugins, one key for opening and closing, and no secret in any word."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.mail_server import bad_server, certificate, says_nothing
from kit.notices import CONTENTS, notice
from kit.web_receiver import Receiver, Reply, receiver
from process_control.core.notice import NoticeEvent
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.apprise.channel import AppriseChannel

INCIDENT = "backup~01kfailedrun0001"
needs_apprise = pytest.mark.usefixtures("apprise")


@pytest.fixture
def apprise() -> None:
    pytest.importorskip("apprise", reason="apprise is not installed: make setup")


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def deliver(
    url: str, store: Path, event: NoticeEvent = NoticeEvent.OPENED, *, channel: AppriseChannel | None = None
) -> Answer:
    # A plugin waits four seconds to be connected, and as long for an answer: on a busy host that is not long.
    recipient = Recipient(url=url if "rto=" in url else f"{url}{'&' if '?' in url else '?'}rto=60&cto=60")
    channel = channel or AppriseChannel(store=str(store / "apprise"))
    entry = channel.compose(notice(event), CONTENTS, recipient, None)
    assert entry is not None
    return channel.deliver(entry, recipient=recipient, job=None)


def why(answer: Answer) -> str:
    assert isinstance(answer, Later), answer
    return answer.why


def bodies(server: Receiver) -> list[Any]:
    return [json.loads(request.body) for request in server.requests]


@needs_apprise
@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("opened", "failure"),
        ("changed", "failure"),
        ("reminder", "warning"),
        ("flapping", "warning"),
        ("closed", "success"),
    ],
)
def test_a_service_gets_title_text_and_kind(web: Receiver, tmp_path: Path, event: str, kind: str) -> None:
    assert deliver(web.url("/S3cretPath").replace("http:", "json:"), tmp_path, NoticeEvent(event)) == Taken(
        "JSON accepted"
    )

    [body] = bodies(web)
    assert (body["title"], body["message"], body["type"]) == (CONTENTS.subject, CONTENTS.text, kind)


@needs_apprise
def test_a_chat_gets_the_short_form(web: Receiver, tmp_path: Path) -> None:
    url = f"mmost://127.0.0.1:{web.port}/S3cretToken99abcdefghijkl"

    assert deliver(url, tmp_path) == Taken("Mattermost accepted")

    assert CONTENTS.short in bodies(web)[0]["text"]
    assert "whole text" not in bodies(web)[0]["text"]


@pytest.fixture
def the_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A proxy that is the pagers of the world."""
    context, trusted = certificate(tmp_path, "events.pagerduty.com", "api.opsgenie.com", "connect.signl4.com")
    with receiver(behind=context) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, server.url())
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


@needs_apprise
def test_pagerduty_opens_and_resolves_under_the_key_of_the_incident(the_net: Receiver, tmp_path: Path) -> None:
    url = "pagerduty://S3cretIntegration@S3cretApiKey"

    assert deliver(url, tmp_path) == Taken("Pager Duty accepted")
    assert deliver(url, tmp_path, NoticeEvent.REMINDER) == Taken("Pager Duty accepted")
    assert deliver(url, tmp_path, NoticeEvent.CLOSED) == Taken("Pager Duty accepted")

    assert [(body["event_action"], body["dedup_key"]) for body in bodies(the_net)] == [
        ("trigger", INCIDENT),
        ("trigger", INCIDENT),
        ("resolve", INCIDENT),
    ]
    assert bodies(the_net)[0]["payload"]["severity"] == "critical"


@needs_apprise
def test_signl4_opens_and_resolves_under_the_key_of_the_incident(the_net: Receiver, tmp_path: Path) -> None:
    for event in (NoticeEvent.OPENED, NoticeEvent.CLOSED):
        assert isinstance(deliver("signl4://S3cretTeam", tmp_path, event), Taken)

    opened, closed = bodies(the_net)
    assert (opened["X-S4-ExternalID"], closed["X-S4-ExternalID"]) == (INCIDENT, INCIDENT)
    assert ("X-S4-Status" in opened, closed["X-S4-Status"]) == (False, "resolved")


@needs_apprise
def test_opsgenie_closes_the_alert_that_another_process_opened(the_net: Receiver, tmp_path: Path) -> None:
    the_net.replies = [Reply(202, b'{"requestId": "r1"}'), Reply(202, b'{"requestId": "r2"}')]
    for event in (NoticeEvent.OPENED, NoticeEvent.CLOSED):  # each is sent by a child of its own
        assert isinstance(deliver("opsgenie://S3cretApiKey", tmp_path, event), Taken)

    assert [request.path.partition("?")[0] for request in the_net.requests] == ["/v2/alerts", "/v2/alerts/r1/close"]
    assert bodies(the_net)[0]["alias"] == INCIDENT
    assert (tmp_path / "apprise").stat().st_mode & 0o777 == 0o700


@needs_apprise
def test_what_the_url_says_itself_stays(the_net: Receiver, tmp_path: Path) -> None:
    deliver("pagerduty://S3cretIntegration@S3cretApiKey?dedup=mine&action=trigger", tmp_path, NoticeEvent.CLOSED)

    assert [(body["event_action"], body["dedup_key"]) for body in bodies(the_net)] == [("trigger", "mine")]


@needs_apprise
def test_what_is_refused_is_tried_again_and_shows_the_status_only(
    web: Receiver, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    web.replies = [Reply(403, b"S3cretPath is wrong")]

    said = why(deliver(f"json://ann:S3cretLogin@127.0.0.1:{web.port}/S3cretPath", tmp_path))

    assert said == "json://…: JSON: it answered 403"
    assert "S3cret" not in "".join(capfd.readouterr())


@needs_apprise
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("json://127.0.0.1:1/S3cretPath", "json://…: JSON: it cannot be reached, or refused the message"),
        ("nosuchservice://S3cret", "nosuchservice://…: apprise knows no such service, or its URL is incomplete"),
        ("pagerduty://S3cret", "pagerduty://…: apprise knows no such service, or its URL is incomplete"),
    ],
)
def test_what_cannot_be_sent(url: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert why(deliver(url, tmp_path)) == expected
    assert "S3cret" not in "".join(capfd.readouterr())


@needs_apprise
def test_a_service_that_hangs_costs_a_bounded_time(tmp_path: Path) -> None:
    with bad_server(says_nothing) as server:
        channel = AppriseChannel(store=str(tmp_path / "apprise"), deadline_seconds=2)
        url = f"json://{server.address}/S3cretPath?rto=60&cto=60"

        assert why(deliver(url, tmp_path, channel=channel)) == "json://…: no answer within 2 s"


def test_without_the_library_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delitem(sys.modules, "process_control.notify.channels.apprise.service", raising=False)

    assert why(deliver("slack://S3cretA/S3cretB/S3cretC", tmp_path)) == (
        "slack://… needs the library apprise, which is not installed; "
        f"install it: {sys.executable} -m pip install 'apprise>=2.2'"
    )


@needs_apprise
def test_a_plugin_of_the_user_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / ".apprise" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.setenv("HOME", str(tmp_path))

    deliver("evil://x", tmp_path)

    assert not os.path.exists(tmp_path / "ran")
