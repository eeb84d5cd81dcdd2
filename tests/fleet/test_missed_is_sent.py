"""From a planned time that no host takes, or that one refuses, to the mail about it, and to the mail that it is over.

The host of the control process sends them. Each test has a server of its own, since the jobs of another one would be
missed here too.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kit import fleet_client, fleets
from kit.fleets import EVENTS_OF_A_LOCK, Server, result_of, state_of
from kit.harness import Box, Product, until, wait_gone
from kit.mail_server import MailServer, mail_server
from process_control.config.settings import load_settings
from process_control.core.causes import Cause
from process_control.core.fleet.missed import MissedTimes
from process_control.core.layout import open_incidents
from process_control.notify import spool
from process_control.notify.host_events import HostEvents
from process_control.notify.incidents import Incidents
from process_control.system.clock import iso

pytestmark = pytest.mark.any_worker
OPS, TEAM = "ops@example.org", "team@example.org"
OWNER = f"owner: {{team: Team, mail: {TEAM}}}"
EACH_MINUTE = "command: /bin/true\nschedule: '* * * * *'\ntime_zone: UTC\nstart_within: 10s"
#: Until the next planned time, its `start_within`, and until the mail has come.
A_MINUTE = 100


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(with_fleet: Product) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="process-control-fleet-", dir="/tmp") as folder:
        server = Server(Path(folder), events_of_a_lock=EVENTS_OF_A_LOCK)
        yield server
        server.end()


@pytest.fixture
def make_host(
    server: Server, mails: MailServer, with_fleet: Product, make_box: Callable[..., Box]
) -> Callable[[], Box]:
    """Make hosts that can mail, for a control process or a worker."""

    def make() -> Box:
        box = make_box()
        box.product = with_fleet
        failmail = {"to_address": OPS, "from_address": "pc@example.org", "smtp": mails.address}
        box.configure(fleet={"address": server.address}, failmail=failmail)
        return box

    return make


def incidents(box: Box, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = box.process_control("incidents", *words, "--json").json()["incidents"]
    return found


def said(mails: MailServer, count: int, *, seconds: float = A_MINUTE) -> list[tuple[str, str]]:
    """Return to whom the mails were, and their subjects without the host that sends them."""
    return [
        (mail.recipients[0], mail.subject.partition(": ")[2]) for mail in mails.wait_for(count, seconds=seconds)[:count]
    ]


@pytest.mark.long
def test_a_time_that_no_host_takes_is_mailed_to_the_owner_and_so_is_the_run_that_goes_well_again(
    make_host: Callable[[], Box], mails: MailServer
) -> None:
    box, host = make_host(), make_host()
    for each in (box, host):
        each.job("nightly", f"{EACH_MINUTE}\n{OWNER}")
        each.job("weekly", f"{EACH_MINUTE}\n{OWNER}")
    with fleets.control(box):
        fleets.wait_for_the_first_half_of_a_minute()
        box.process_control("fleet", "apply")
        opened = said(mails, 1)
        (incident,) = incidents(box)
        box.process_control("ack", incident["id"], "--note", "a host comes")
        (known,) = incidents(box)
        with fleets.worker(host, "late1"):
            _, closed = said(mails, 2)
            until(lambda: result_of(box, "weekly") == "succeeded", "the good run", seconds=A_MINUTE)

    assert (incident["cause"], incident["jobs"]) == ("missed", ["nightly", "weekly"])
    assert opened == [(TEAM, "2 jobs missed 2 planned times: no host took a run in time")]
    assert known["acknowledged"]["note"] == "a host comes"
    assert closed[0] == TEAM
    assert closed[1].startswith("2 jobs are no trouble any more: it succeeded on host late1 (run ")
    assert incidents(box) == []


@pytest.mark.long
def test_a_time_that_a_host_refuses_is_mailed_and_with_run_on_all_each_host_is_another_matter(
    make_host: Callable[[], Box], mails: MailServer
) -> None:
    box, other = make_host(), make_host()
    drifted = f"{EACH_MINUTE}\nrun_on: {{host: all2}}"
    box.job("drifted", drifted)
    other.job("drifted", f"{drifted}\n# edited")
    for each in (box, other):
        each.job("everywhere", f"{EACH_MINUTE}\nrun_on: all\n{OWNER}")
    with fleets.control(box), fleets.worker(box, "all1"):
        with fleets.worker(other, "all2"):
            fleets.wait_for_the_first_half_of_a_minute()
            box.process_control("fleet", "apply")
            ((to, refused),) = said(mails, 1)
            until(lambda: result_of(box, "everywhere") == "succeeded", "all hosts to run it")
        _, missed = said(mails, 2, seconds=2 * A_MINUTE)
        open_then = {each["jobs"][0]: each for each in incidents(box)}
        other.job("drifted", drifted)
        with fleets.worker(other, "all2"):
            closed = said(mails, 4, seconds=2 * A_MINUTE)[2:]

    assert to == OPS
    assert refused.startswith("drifted did not start: host all2 refused it: drifted.yaml is version ")
    assert missed[0] == TEAM
    assert missed[1].startswith("everywhere missed its planned time ")
    assert missed[1].endswith(": host all2 did not take it in time")
    assert {job: each["cause"] for job, each in open_then.items()} == {"drifted": "refused", "everywhere": "missed"}
    assert ".all2." in open_then["everywhere"]["id"]
    ends = sorted(words.partition(" (run ")[0] for _, words in closed)
    assert ends == [f"{job} is no trouble any more: it succeeded on host all2" for job in ("drifted", "everywhere")]


@pytest.mark.long
def test_a_control_process_that_is_killed_before_its_decision_is_recorded_counts_the_time_once(
    make_host: Callable[[], Box], mails: MailServer, server: Server
) -> None:
    box = make_host()
    slot = int(time.time()) // 60 * 60
    box.job("once", f"command: /bin/true\nstart_within: 4s\n{OWNER}")
    with fleets.control(box) as first:
        box.process_control("fleet", "apply")
        fleet_client.start(server.address, "once", slot=slot)
        until(lambda: state_of(box, "once")["state"] == "running", "the run that waits for a host")
        first.signal(signal.SIGSTOP)
        begun = time.monotonic()
        until(lambda: is_handed_over(server), "the server to give it up, and hand that over")
        until(lambda: time.monotonic() - begun > 6, "that to arrive", seconds=20)
        with server.away():
            first.signal(signal.SIGCONT)
            opened = said(mails, 1)
            first.signal(signal.SIGKILL)
            wait_gone(first.pid)
            (before,) = incidents(box)
    with fleets.control(box):
        until(lambda: state_of(box, "once")["result"] == "missed", "the decision to be made again", seconds=60)
        until(lambda: not list((box.state_directory / "spool" / "news").glob("*.json")), "all to be sent", seconds=20)
        (after,) = incidents(box)

    assert opened[0][0] == TEAM
    assert (before["count"], after["count"]) == (1, 1)
    assert before["id"] == after["id"]
    assert len(mails.mails) == 1


def is_handed_over(server: Server) -> bool:
    """Whether the server has given up to wait for a host, and a control process has the task to decide about it."""
    events = "".join(fleet_client.events(server.address, "once"))
    return "EVENT_TYPE_WORKFLOW_TASK_STARTED" in events.partition("EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT")[2]


@pytest.mark.long
def test_a_lock_that_does_not_answer_keeps_no_incident_of_another_one_open(
    make_host: Callable[[], Box], server: Server
) -> None:
    box = make_host()
    settings = load_settings(str(box.configuration), dict(os.environb))
    events = HostEvents(settings, by="fleet", now=time.time())
    for job in ("a-silent", "is-gone"):
        why = f"it is that of {job}"
        facts = {"slots": (int(time.time()),), "count": 1, "why": why, "why_of_all": why, "alike": job}
        events.of_fleet(MissedTimes(job=job, lock=job, cause=Cause.MISSED, **facts))  # type: ignore[arg-type]
    incidents_here = Incidents(settings, send=lambda *_: None, now=iso(time.time()))
    for name in spool.names(settings.state_directory, spool.EVENTS):
        incidents_here.take(spool.read(settings.state_directory, spool.EVENTS, name) or {})
        spool.remove(settings.state_directory, spool.EVENTS, name)
    fleet_client.open_silent(server.address, "a-silent")

    def open_jobs() -> list[str]:
        return sorted(job for each in incidents(box) for job in each["jobs"])

    assert open_jobs() == ["a-silent", "is-gone"]
    with fleets.control(box):
        until(lambda: len(os.listdir(open_incidents(settings.state_directory))) == 1, "the end of one", seconds=50)
        assert open_jobs() == ["a-silent"]


@pytest.mark.long
def test_a_control_process_that_cannot_keep_a_message_says_so_once_and_decides(
    make_host: Callable[[], Box], mails: MailServer, server: Server
) -> None:
    box = make_host()
    box.job("decided", f"command: /bin/true\nstart_within: 1s\n{OWNER}")
    with fleets.control(box) as control:
        box.process_control("fleet", "apply")
        (box.state_directory / "spool").write_text("no directory\n")
        slots = [int(time.time()) // 60 * 60 - minutes * 60 for minutes in (2, 1)]
        for number, slot in enumerate(slots, start=1):
            fleet_client.start(server.address, "decided", slot=slot)
            until(lambda number=number: fates(box, "decided") == ["missed"] * number, "the decision")  # type: ignore[misc]
        control.wait_for_line("cannot keep the message", stream="stderr")
        control.read_what_is_there()
        words = control.seen("stderr")
        (box.state_directory / "spool").unlink()

    assert words.count("control: cannot keep the message about a missed planned time: ") == 1
    assert "Not a directory" in words


@pytest.mark.long
def test_a_refusal_of_run_job_is_mailed_once_by_its_host_or_else_by_that_of_the_control_process(
    make_host: Callable[[], Box], mails: MailServer, server: Server
) -> None:
    box, host = make_host(), make_host()
    for each in (box, host):
        each.job("refusing", f"command: /bin/true\nenvironment_file: {each.root.parent}/not-there\n{OWNER}")
    slot = int(time.time()) // 60 * 60
    with fleets.control(box), fleets.worker(host, "broken1"):
        box.process_control("fleet", "apply")
        fleet_client.start(server.address, "refusing", slot=slot - 60)
        by_its_host = said(mails, 1)
        until(lambda: fates(box, "refusing") == ["missed"], "the decision")
        reported = incidents(host), incidents(box)
        with host.configuration.open("a") as file:  # type: ignore[union-attr]
            file.write("no-such-key: 1\n")
        fleet_client.start(server.address, "refusing", slot=slot)
        by_control = said(mails, 2)[1:]

    assert [len(each) for each in reported] == [1, 0]
    assert by_its_host[0][1].startswith("refusing did not start: ")
    assert by_control[0][1].startswith("refusing did not start: host broken1 refused it: ")
    assert "no-such-key" in by_control[0][1]
    assert len(mails.mails) == 2


def fates(box: Box, job: str) -> list[str]:
    """Return what became of the planned times of a job, oldest first."""
    known = box.process_control("slots", job, "--fleet", "--json").json()["slots"]
    return [each["fate"] for each in sorted(known, key=lambda each: datetime.fromisoformat(each["slot"]))]


@pytest.mark.long
def test_that_nobody_is_to_be_notified_is_said_once(
    make_host: Callable[[], Box], mails: MailServer, server: Server
) -> None:
    box = make_host()
    box.configure(failmail=None)
    box.job("unowned", "command: /bin/true\nstart_within: 1s")
    with fleets.control(box) as control:
        box.process_control("fleet", "apply")
        fleet_client.start(server.address, "unowned", slot=int(time.time()) // 60 * 60)
        control.wait_for_line("nobody is notified of missed planned times", stream="stderr")

    assert incidents(box) == []
