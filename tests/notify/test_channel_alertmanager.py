"""Debian's own Alertmanager: for each incident one alert that opens, and the same one resolved."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.alertmanager import Alertmanager, alertmanager, alertmanager_program
from kit.events import until
from kit.harness import Box
from kit.mail_server import bad_server, closes_at_once, wait_until_told
from kit.notices import CONTENTS, HOST, closed, incident, notice
from kit.web_receiver import Receiver, Reply, receiver
from process_control.core.causes import Cause
from process_control.core.incident import Event, Happening, Incident, begin
from process_control.core.notice import NoticeEvent
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.alertmanager.channel import AlertmanagerChannel, keep_alive

needs_alertmanager = pytest.mark.skipif(
    alertmanager_program() is None, reason="prometheus-alertmanager is not unpacked here: make test"
)


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def real(tmp_path: Path, web: Receiver) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path, notifies=web.url("/")) as running:
        yield running


def deliver(address: str, event: NoticeEvent, of: Incident) -> Answer:
    recipient = Recipient(url=f"alertmanager+http://{address}")
    channel = AlertmanagerChannel()
    entry = channel.compose(notice(event, of), CONTENTS, recipient, None)
    assert entry is not None
    return channel.deliver(entry, recipient=recipient, job=None)


def notified(web: Receiver) -> list[tuple[str, str]]:
    """Return what Alertmanager itself sent: status and incident of each alert."""
    bodies = [json.loads(request.body) for request in web.requests]
    return [(alert["status"], alert["labels"]["incident"]) for body in bodies for alert in body["alerts"]]


def ago(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@needs_alertmanager
def test_one_alert_opens_and_the_same_one_is_resolved(real: Alertmanager, web: Receiver) -> None:
    opened = incident(at=ago(120))
    later = replace(opened, cause=Cause.LOST, sentence="another sentence", count=2)

    assert deliver(real.address, NoticeEvent.OPENED, opened) == Taken("200 OK")
    web.wait_for(1)
    [alert] = real.alerts()
    assert alert["labels"] == {
        "alertname": "ProcessControlIncident",
        "incident": opened.id,
        "job": "backup",
        "host": HOST,
    }
    assert alert["annotations"]["summary"] == f"{HOST}: backup: exited with 3"
    assert 200 < datetime.fromisoformat(alert["endsAt"]).timestamp() - time.time() <= 301
    assert datetime.fromisoformat(alert["startsAt"]) == datetime.fromisoformat(ago(120)[:10] + opened.since[10:])

    assert deliver(real.address, NoticeEvent.REMINDER, later) == Taken("200 OK")
    assert deliver(real.address, NoticeEvent.OPENED, opened) == Taken("200 OK")  # sent twice, by a kill
    assert len(real.alerts()) == 1

    over = closed(later, at=ago(1))
    assert deliver(real.address, NoticeEvent.CLOSED, over) == Taken("200 OK")
    web.wait_for(2)
    assert deliver(real.address, NoticeEvent.CLOSED, over) == Taken("200 OK")

    assert notified(web) == [("firing", opened.id), ("resolved", opened.id)]
    assert real.alerts() == []


@needs_alertmanager
def test_what_is_sent_again_at_each_look_stays_open(real: Alertmanager, web: Receiver) -> None:
    import os

    opened = replace(incident(at=ago(120)), state=incident().state)
    recipient = Recipient(url=f"alertmanager+http://{real.address}")

    assert keep_alive([opened, closed(opened, at=ago(1))], recipient) == Taken("200 OK")
    first = web.wait_for(1)
    ends = real.alerts()[0]["endsAt"]
    until(lambda: time.time() % 1 < 0.5, "another second", seconds=5)
    until(lambda: keep_alive([opened], recipient) == Taken("200 OK") and real.alerts()[0]["endsAt"] > ends, "it lasts")

    assert [alert["labels"]["host"] for alert in real.alerts()] == [os.uname().nodename]
    assert web.requests == first


@needs_alertmanager
def test_a_failed_run_opens_an_alert_and_a_good_one_resolves_it(box: Box, real: Alertmanager, web: Receiver) -> None:
    box.configure(notify=[{"url": f"alertmanager+http://{real.address}"}])
    box.job("backup", "command: 'false'")
    box.run("backup")
    wait_until_told(box)
    web.wait_for(1)
    assert [alert["labels"]["job"] for alert in real.alerts()] == ["backup"]
    due = (box.state_directory / "spool/due").stat().st_mtime
    assert 0 < due - time.time() <= 60, "somebody looks again, to send it again"

    box.job("backup", "command: 'true'")
    box.run("backup")
    wait_until_told(box)
    web.wait_for(2)

    assert [status for status, _ in notified(web)] == ["firing", "resolved"]
    assert len({incident_ for _, incident_ in notified(web)}) == 1
    assert real.alerts() == []


def posted(web: Receiver) -> list[Any]:
    return [json.loads(request.body) for request in web.requests]


def test_of_a_host_wide_incident_the_cause_is_a_label(web: Receiver) -> None:
    happening = Happening(
        event=Event.TROUBLE, key="k", at=ago(60), cause=Cause.HOST_DOWN, sentence="down for 8 h", jobs={"a": 2, "b": 1}
    )
    deliver(f"127.0.0.1:{web.port}", NoticeEvent.OPENED, begin(happening, host=HOST))

    [[alert]] = posted(web)
    assert (alert["labels"]["cause"], "job" in alert["labels"]) == ("host_down", False)
    assert alert["annotations"]["summary"] == f"{HOST}: a, b: down for 8 h"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/api/v2/alerts"),
        ("/", "/api/v2/alerts"),
        ("/prometheus/am/", "/prometheus/am/api/v2/alerts"),
        ("/api/v2/alerts?x=1", "/api/v2/alerts?x=1"),
    ],
)
def test_where_alerts_are_posted(web: Receiver, path: str, expected: str) -> None:
    deliver(f"127.0.0.1:{web.port}{path}", NoticeEvent.OPENED, incident())

    assert web.requests[0].path == expected


def test_one_that_is_down_or_refuses_is_tried_again_and_shows_no_login(web: Receiver) -> None:
    web.replies = [Reply(400, b'"bad S3cretLogin"')]
    refused = deliver(f"ann:S3cretLogin@127.0.0.1:{web.port}", NoticeEvent.OPENED, incident())
    with bad_server(closes_at_once) as server:
        address = server.address
        down = deliver(f"ann:S3cretLogin@{address}", NoticeEvent.OPENED, incident())

    assert isinstance(refused, Later)
    assert isinstance(down, Later)
    assert refused.why == f'http://127.0.0.1:{web.port}/… answered 400 Bad Request: "bad ***"'
    assert down.why == f"http://{address}/…: the connection was closed without an answer"
