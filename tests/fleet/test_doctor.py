"""`fleet doctor` and `fleet hosts`: each thing that can be wrong is found, with the line that puts it right."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit import fleets
from kit.fleets import Fleet, result_of
from kit.harness import Box, Product, until
from kit.night import LIBRARY
from kit.refusing_server import UNIMPLEMENTED, refusing_server
from process_control.fleet.doctor import server_findings
from process_control.fleet.hosts_asked import without_delay
from process_control.fleet.wire import HostReport

PASTED = ("process-control ", "temporal ", "ssh ")


def findings(box: Box, *flags: str) -> dict[str, dict[str, Any]]:
    """Return what is not right, by check."""
    answer = box.process_control("fleet", "doctor", "--json", *flags)
    found = {each["check"]: each for each in answer.json()["findings"] if each["state"] != "ok"}
    assert answer.exit_code == (1 if found else 0)
    assert all(each["remedy"].startswith(PASTED) for each in found.values()), found
    return found


def temporal(fleet: Fleet, *words: str) -> str:
    program = Path(sys.executable).parent / "temporal"
    command = [str(program), *words, "--address", fleet.server.address]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_namespace_is_made_ready_step_by_step_with_the_lines_that_doctor_shows(fleet: Fleet, box: Box) -> None:
    fleet.configure(box, namespace="stepwise")

    missing = findings(box)["namespace"]
    temporal(fleet, *missing["remedy"].replace("--retention 30d", "--retention 24h").split()[1:-2])
    # The server learns of a new namespace a little later.
    until(lambda: findings(box)["namespace"]["what"] != missing["what"], "the namespace")
    bare = findings(box)
    fixed = box.process_control("fleet", "doctor", "--fix", "--json").json()
    temporal(fleet, *bare["namespace"]["remedy"].split()[1:-2])
    after = findings(box)

    assert (missing["what"], missing["state"]) == ("the server has no namespace 'stepwise'", "bad")
    assert " --retention 30d " in missing["remedy"]
    assert bare["namespace"]["what"].startswith("namespace 'stepwise' keeps histories for 1 day")
    assert bare["search attribute"]["remedy"] == "process-control fleet doctor --fix"
    assert fixed["done"] == ["registered the search attribute ProcessControlState"]
    assert sorted(after) == ["control", "workers"]
    assert after["control"]["what"] == "no control process is running: nothing is decided, so no job is started"
    assert after["workers"]["what"] == "no worker is connected: no job can run"


def test_hosts_with_other_files_are_shown_and_queues_without_a_worker(make_host: Callable[..., Box]) -> None:
    here, there = make_host("look1", tags=["look"]), make_host("look2")
    for box in (here, there):
        box.job("looked", "command: /bin/true\nrun_on: {host: look1}")
        box.job("drifter", "command: /bin/true\nrun_on: {host: look2}")
        box.job("unheard", "command: /bin/true\nrun_on: {tag: unheard}")
    here.process_control("fleet", "apply")
    there.job("drifter", "command: /bin/false\nrun_on: {host: look2}")
    commit = _committed(here.job_directory)
    (here.job_directory / "more.yaml").write_text("command: /bin/true\nrun_on: local\n")

    hosts = {each["host"]: each for each in here.process_control("fleet", "hosts", "--json").json()["hosts"]}
    found = findings(here)

    assert (hosts["look1"]["commit"], hosts["look1"]["dirty"]) == (commit[:12], True)
    assert hosts["look1"]["tags"] == ["look"]
    ours = {"looked", "drifter", "unheard"}
    assert [each["job"] for each in hosts["look2"]["drift"] if each["job"] in ours] == ["drifter"]
    assert (hosts["look2"]["commit"], hosts["look2"]["answers"]) == (None, True)
    assert abs(hosts["look1"]["clock_ahead_seconds"]) < 2
    assert {"version", "last_seen", "pid", "kind"} < set(hosts["look1"])
    assert "on look2 are not those that were applied" in json.dumps(found["drift"])
    assert found["queues"]["what"] == "no worker takes jobs for tag unheard: unheard cannot run"


def test_a_server_that_is_away_or_refuses_is_named(box: Box, with_fleet: object) -> None:
    box.product = with_fleet  # type: ignore[assignment]  # the product with the extra
    box.configure(fleet={"address": "127.0.0.1:1"})
    away = findings(box)["server"]
    no_answer = box.process_control("fleet", "status")
    with refusing_server("Request unauthorized.") as address:
        box.configure(fleet={"address": address})
        refused = findings(box)["permission"]
        status = box.process_control("fleet", "status")

    assert away["what"].startswith("the Temporal server does not answer: ")
    assert away["remedy"] == "temporal operator cluster health --address 127.0.0.1:1"
    assert no_answer.exit_code == 75
    assert refused["what"] == "the server refuses us: Request unauthorized."
    assert box.pasted(refused["remedy"]).exit_code == 0
    assert (status.exit_code, "the server refuses us: Request unauthorized." in status.stderr) == (77, True)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("1.30.4", "warn"),
        ("1.9.0", "warn"),
        ("1.31.0", "ok"),
        ("1.32.1", "ok"),
        ("2.0", "ok"),
        ("", "ok"),
        ("dev", "ok"),
    ],
)
def test_the_version_of_the_server_is_compared_as_numbers(version: str, state: str) -> None:
    (found,) = server_findings(version, "db1:7233")

    assert found.state == state
    if state == "warn":
        assert found.what == f"the server on db1:7233 is {version}: `logs --fleet` and `fleet hosts` need 1.31"
        assert found.remedy == "process-control help fleet-in-production"


def test_a_server_that_does_not_know_a_call_is_named_as_too_old(box: Box, with_fleet: Product) -> None:
    box.product = with_fleet
    with refusing_server("unknown method", UNIMPLEMENTED) as address:
        box.configure(fleet={"address": address})
        status = box.process_control("fleet", "status")

    assert status.exit_code == 78
    assert (
        f"{address}: the server is too old for this, 1.31 is the first version that can: unknown method"
        in status.stderr
    )
    assert "process-control help fleet-in-production" in status.stderr


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not here")
def test_a_wrong_clock_and_another_version_are_shown_and_the_host_runs_jobs_all_the_same(
    fleet: Fleet, make_host: Callable[..., Box], make_box: Callable[..., Box], with_fleet: Product, tmp_path: Path
) -> None:
    here, there = make_host("skew1"), make_box()
    fleet.configure(there)
    there.product = older = with_fleet.copy_to(tmp_path / "older")
    (older.package / "__init__.py").write_text('__version__ = "0.0.9"\n')
    for box in (here, there):
        box.job("skewed", "command: /bin/true\nrun_on: {host: skew2}")
    ahead = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": "+120", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    with fleets.worker(there, "skew2", env=ahead):
        here.process_control("fleet", "apply")
        here.process_control("run", "skewed", "--fleet")
        until(lambda: result_of(here, "skewed"), "the run")
        hosts = {each["host"]: each for each in here.process_control("fleet", "hosts", "--json").json()["hosts"]}
        shown = here.process_control("fleet", "hosts", tty=True, columns=160).stdout
        found = findings(here)

    assert result_of(here, "skewed") == "succeeded"
    assert 118 < hosts["skew2"]["clock_ahead_seconds"] < 130
    assert abs(hosts["skew1"]["clock_ahead_seconds"]) < 2
    assert hosts["skew2"]["version"] == "0.0.9"
    (row,) = [line for line in shown.splitlines() if "skew2" in line]
    assert "0.0.9" in row
    assert re.search(r"\+1[12]\d s", row)
    assert re.fullmatch(r"the clock of skew2 is 1[12]\d s ahead of the server's", found["clock"]["what"])
    assert found["clock"]["remedy"] == "ssh skew2 timedatectl"
    assert "0.0.9 on skew2" in found["versions"]["what"]


@pytest.mark.parametrize(
    ("measured", "asked", "looked", "told"),
    [
        (3.1, 3.3, 0.1, 0.0),  # the host stood still for three seconds before it looked at its clock
        (120.1, 0.3, 0.2, 120.0),
        (5.0, 6.0, 5.5, 4.5),  # it looked for long: that is no delay
        (-4.0, 3.3, 0.1, -4.0),  # a delay makes no clock late
        (3.1, 3.3, None, 3.1),  # an older worker
    ],
)
def test_a_busy_host_is_not_taken_for_one_whose_clock_is_wrong(
    measured: float, asked: float, looked: float | None, told: float
) -> None:
    report = HostReport(host="web1", version="1", clock_ahead_seconds=measured, looked_seconds=looked)

    assert without_delay(report, asked_seconds=asked).clock_ahead_seconds == pytest.approx(told)


def _committed(directory: Path) -> str:
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "jobs"]):
        subprocess.run(["git", "-C", str(directory), *words], check=True)
    return subprocess.run(
        ["git", "-C", str(directory), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout
