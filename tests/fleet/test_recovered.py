"""Incidents of a host whose job runs on another one since: a good run there ends them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit import fleet_client, fleets
from kit.fleets import Fleet, result_of, state_of
from kit.harness import Box, until
from kit.mail_server import wait_until_told
from kit.runs import script
from process_control.core.fleet.recovery import MAX_SKEW_SECONDS


def test_an_incident_of_one_host_is_over_with_a_good_run_on_another_one(
    fleet: Fleet, make_host: Callable[..., Box], make_box: Callable[..., Box]
) -> None:
    here, there = make_box(), make_host("well2")
    fleet.configure(here)
    received: Path = here.root / "received"
    here.configure(notify=[f"exec:{script(here, 'page.sh', f'cat >> {received}; echo >> {received}')}"])
    flag, slot = here.root / "is-well", int(time.time()) // 60 * 60

    def run_on(host: str, slot: int) -> None:
        for box in (here, there):
            box.job("recovering", f"command: test -e {flag}\nrun_on: {{host: {host}}}")
        there.process_control("fleet", "apply")
        fleet_client.start(fleet.server.address, "recovering", slot=slot)

    with fleets.worker(here, "well1"):
        run_on("well1", slot - 60)
        until(lambda: result_of(here, "recovering") == "failed", "the failure")
    wait_until_told(here)
    opened = [json.loads(line) for line in received.read_text().splitlines()]
    flag.touch()
    run_on("well2", slot)
    until(lambda: result_of(here, "recovering") == "succeeded", "the good run")
    with fleets.worker(here, "well1"):
        until(lambda: len(received.read_text().splitlines()) == 2, "the end of the incident")
    _, closed = [json.loads(line) for line in received.read_text().splitlines()]

    assert [each["event"] for each in opened] == ["opened"]
    assert (closed["event"], closed["incident"]["id"]) == ("closed", opened[0]["incident"]["id"])
    run_id = state_of(here, "recovering")["run_id"]
    assert closed["incident"]["closed_by"] == f"it succeeded on host well2 (run {run_id})"
    assert here.process_control("incidents", "--json").json()["incidents"] == []


@pytest.mark.long
def test_a_start_that_a_host_refused_is_over_with_a_good_run_on_another_one(
    fleet: Fleet, make_host: Callable[..., Box], make_box: Callable[..., Box]
) -> None:
    here, there = make_box(), make_host("well4")
    fleet.configure(here)
    received: Path = here.root / "received"
    here.configure(notify=[f"exec:{script(here, 'page.sh', f'cat >> {received}; echo >> {received}')}"])
    missing = here.root / "variables"
    slot = int(time.time()) // 60 * 60

    def run_on(host: str, slot: int) -> None:
        for box in (here, there):
            box.job("refused-here", f"command: /bin/true\nenvironment_file: {missing}\nrun_on: {{host: {host}}}")
        there.process_control("fleet", "apply")
        fleet_client.start(fleet.server.address, "refused-here", slot=slot)

    with fleets.worker(here, "well3"):
        run_on("well3", slot - 60)
        until(lambda: result_of(here, "refused-here") == "missed", "the refusal")
    wait_until_told(here)
    refused_at = time.time()
    until(lambda: time.time() > refused_at + MAX_SKEW_SECONDS, "any clock to be sure of the order", seconds=90)
    missing.touch(mode=0o600)
    run_on("well4", slot)
    until(lambda: result_of(here, "refused-here") == "succeeded", "the good run")
    with fleets.worker(here, "well3"):
        until(lambda: len(received.read_text().splitlines()) == 2, "the end of the incident")
    opened, closed = [json.loads(line) for line in received.read_text().splitlines()]

    assert (opened["event"], opened["incident"]["cause"]) == ("opened", "refused")
    assert (closed["event"], closed["incident"]["id"]) == ("closed", opened["incident"]["id"])
    assert closed["incident"]["closed_by"].startswith("it succeeded on host well4 (run ")
