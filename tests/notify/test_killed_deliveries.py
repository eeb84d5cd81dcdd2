"""The process that sends is killed at the N-th write: each message arrives, and twice only if it was just taken."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.alertmanager import alertmanager, alertmanager_program
from kit.faulty_writes import faulty
from kit.harness import Box, Result, until
from kit.storms import Storm
from kit.web_receiver import Receiver
from kit.web_receiver import receiver as listening
from process_control.config.settings import Settings, load_settings
from process_control.notify import spool
from process_control.state.incident_store import Store, changing
from process_control.system.clock import iso
from process_control.system.lock_waiters import waiting_pids

SEND = "from process_control.notify.deliver import main"
#: More than a delivery has.
MAX_WRITES = 150
#: Of an incident that is a day old, people would be reminded.
_BEGAN = time.time() - 3600

Run = Callable[[str], Result]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as server:
        yield server


@pytest.fixture
def deliver(box: Box, receiver: Receiver) -> Run:
    """Return a function that runs the process which sends, with a fault; "": with none."""
    box.configure(notify=[f"http://127.0.0.1:{receiver.port}/"])
    box.job("backup", "command: /bin/true")
    box.run("backup")  # makes the directories
    driver = faulty(box, SEND)

    def run(fault: str) -> Result:
        return box.drive(driver, "--config", str(box.configuration), env={"FAULT": fault or "fail 0"})

    return run


def settings_of(box: Box) -> Settings:
    return load_settings(str(box.configuration), dict(os.environb))


def post(box: Box, job: str, what: str, key: str) -> None:
    state = settings_of(box).state_directory
    at = iso(_BEGAN + int(key[1:]))
    outcome = "failed" if what == "failed" else "succeeded"
    end = {"job": job, "run_id": key, "at": at, "outcome": outcome, "reason": "exit_code", "trigger": "cron"}
    spool.look_again(state, 0)
    spool.put(
        state,
        spool.EVENTS,
        f"{at}~{job}~{key}.json",
        {"what": what, "job": job, "key": key, "at": at, "end": end},
    )


def test_what_is_posted_while_somebody_changes_an_incident_is_sent_then(box: Box, receiver: Receiver) -> None:
    box.configure(notify=[f"http://127.0.0.1:{receiver.port}/"])
    box.job("good", "command: 'true'")
    box.job("bad", "command: 'false'")
    box.run("good")  # makes the directories
    with changing(str(box.state_directory / "run")):  # as `acknowledge` does
        box.run("bad")
        until(lambda: waiting_pids() & set(box.processes()) or not box.processes(), "it to wait, or to give up")

    assert receiver.wait_for(1, seconds=20)


@pytest.mark.fault(
    "the process that sends is killed at any write",
    small=5,
    full=150,
    wanted="each message arrives, in order; none comes again but the one at work",
)
@pytest.mark.parametrize("moment", ["kill-before", "kill-after"])
def test_killed_at_any_write_each_message_arrives_under_its_id_and_the_incident_ends(
    box: Box, receiver: Receiver, deliver: Run, storm: Storm, moment: str
) -> None:
    step = max(MAX_WRITES // storm.size, 1)
    killed = again = 0
    for round_ in storm.rounds():
        fault, job = f"{moment} {1 + round_ * step}", f"backup{round_}"
        box.job(job, "command: /bin/true")
        for what, number in (("failed", 2 * round_), ("went_well", 2 * round_ + 1)):
            post(box, job, what, f"r{number}")
            seen = len(receiver.requests)
            deliver(fault)
            killed += bool(spool.all_names(settings_of(box).state_directory))
            spool.look_again(settings_of(box).state_directory, 0)
            deliver("")
            came = [json.loads(request.body) for request in receiver.requests[seen:]]
            ids = [request.headers["Idempotency-Key"] for request in receiver.requests[seen:]]
            wanted = "opened" if what == "failed" else "closed"
            assert {each["event"] for each in came} == {wanted}, (fault, what)
            assert len(set(ids)) == 1, (fault, what)
            assert len(ids) <= 2, (fault, what)
            again += len(ids) - 1
        store = Store(settings_of(box).state_directory)
        assert store.open_incidents() == [], fault
        assert spool.all_names(settings_of(box).state_directory) == [], fault

    assert len(store.closed_incidents()) == storm.size
    assert killed > 0
    storm.found(f"{2 * storm.size} messages, {killed} kills with something left, {again} came again under their id")


@pytest.mark.skipif(alertmanager_program() is None, reason="prometheus-alertmanager is not unpacked here: make test")
@pytest.mark.fault(
    "the process that sends to Alertmanager is killed at any write", small=4, full=75, wanted="one alert, one resolved"
)
def test_killed_at_any_write_each_incident_is_one_alert_that_opens_and_is_resolved(
    box: Box, receiver: Receiver, deliver: Run, storm: Storm, tmp_path: Path
) -> None:
    step = max(MAX_WRITES // storm.size, 1)
    with alertmanager(tmp_path, notifies=receiver.url("/")) as real:
        box.configure(notify=[f"alertmanager+http://{real.address}"])
        for round_ in storm.rounds():
            job = f"backup{round_}"
            box.job(job, "command: /bin/true")
            for what, number in (("failed", 2 * round_), ("went_well", 2 * round_ + 1)):
                post(box, job, what, f"r{number}")
                deliver(f"kill-after {1 + round_ * step}")
                spool.look_again(settings_of(box).state_directory, 0)
                deliver("")
                receiver.wait_for(number + 1)
        assert real.alerts() == []

    bodies = [json.loads(request.body) for request in receiver.requests]
    came = [(alert["labels"]["job"], alert["status"]) for body in bodies for alert in body["alerts"]]
    wanted = [(f"backup{round_}", status) for round_ in range(storm.size) for status in ("firing", "resolved")]
    assert came == wanted
    storm.found(f"{storm.size} incidents: each one alert that opened, and was resolved")
