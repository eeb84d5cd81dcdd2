"""`check --fleet`, by hand and as a job that tells people: of planned times that no host took, and of a dead fleet."""

import json
import time
from pathlib import Path

import pytest

from kit import fleet_client, fleets
from kit.fleets import Fleet, result_of
from kit.harness import Box, Product, until
from kit.mail_server import wait_until_told
from kit.runs import script


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box)
    return box


def test_a_planned_time_that_no_host_took_is_told_once_by_the_job_that_checks_the_fleet_and_its_recovery(
    fleet: Fleet, host: Box
) -> None:
    received: Path = host.root / "received"
    host.configure(notify=[f"exec:{script(host, 'page.sh', f'cat >> {received}; echo >> {received}')}"])
    host.job("unheard-of", "command: /bin/true\nrun_on: {host: late-one}\nstart_within: 2s")
    check = f"{host.product.process_control} --config {host.configuration} check --fleet unheard-of"
    host.job("fleet-check", f"command: {check}\nrun_on: local")
    host.process_control("fleet", "apply")

    before = host.run("fleet-check")
    fleet_client.start(fleet.server.address, "unheard-of", slot=int(time.time()) // 60 * 60)
    until(lambda: result_of(host, "unheard-of") == "missed", "that no host takes it")
    answer = host.process_control("check", "unheard-of", "--fleet", "--json").json()
    ends = [host.run("fleet-check").exit_code for _ in range(2)]
    with fleets.worker(host, "late-one"):
        host.process_control("run", "unheard-of", "--fleet")
        until(lambda: result_of(host, "unheard-of") == "succeeded", "the run by hand")
    after = host.run("fleet-check")
    wait_until_told(host)
    told = [json.loads(line) for line in received.read_text().splitlines()]

    assert (before.exit_code, ends, after.exit_code) == (0, [1, 1], 0)
    assert answer["exit_code"] == 1
    assert [(each["job"], each["state"]) for each in answer["troubles"]] == [("unheard-of", "missed")]
    assert [each["event"] for each in told] == ["opened", "closed"]
    assert "unheard-of (missed at " in told[0]["text"]
    assert "no host took it in time" in told[0]["text"]


def test_a_fleet_whose_server_is_away_is_unknown(box: Box, with_fleet: Product) -> None:
    box.product = with_fleet
    box.configure(fleet={"address": "127.0.0.1:1"})

    answer = box.process_control("check", "--fleet")

    assert answer.exit_code == 3
    assert answer.stdout.startswith("PROCESS-CONTROL UNKNOWN - 127.0.0.1:1: the Temporal server does not answer: ")


def test_a_fleet_that_does_not_answer_in_time_is_critical(fleet: Fleet, host: Box) -> None:
    with fleet.server.away():
        answer = host.process_control("check", "--fleet", "--timeout", "2s")

    assert answer.exit_code == 2
    why = "no answer within 2 s: the Temporal server, or the control processes, may be too busy"
    assert answer.stdout == f"PROCESS-CONTROL CRITICAL - {why}\n"


def test_a_job_that_the_fleet_does_not_have_is_unknown(host: Box) -> None:
    answer = host.process_control("check", "never-applied", "--fleet")

    assert answer.exit_code == 3
    assert "never-applied" in answer.stdout
