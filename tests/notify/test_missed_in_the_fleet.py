"""Planned times of the fleet that a control process has seen missed: how they are counted, joined, sent and closed."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from kit.harness import Box
from process_control.actions.gone_jobs import post_gone_jobs
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings, load_settings
from process_control.core.causes import Cause
from process_control.core.fleet.missed import MissedTimes
from process_control.core.incident import Incident, State
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify import spool
from process_control.notify.host_events import HostEvents
from process_control.notify.incidents import Incidents
from process_control.notify.wording.compose import letter_of
from process_control.notify.wording.known import Subject
from process_control.notify.wording.letter import Letter
from process_control.state.incident_store import Store
from process_control.system.clock import iso

OPS, TEAM = "ops@example.org", "team@example.org"
SLOT = int(datetime(2035, 3, 6, 2, 30, tzinfo=UTC).timestamp())


class Desk:
    """A host with a control process, and what was sent from it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent: list[tuple[str, Notice]] = []

    def miss(self, *jobs: str, **facts: object) -> None:
        """Post the same planned time of jobs, and deal with it in one round."""
        events = HostEvents(self.settings, by="fleet", now=time.time())
        for job in jobs:
            events.of_fleet(missed(job, **facts))
        self.take()

    def over(self, job: str, lock: str) -> None:
        HostEvents(self.settings, by="fleet", now=time.time()).gone(
            job, "it succeeded on host web1 (run r1)", lock=lock
        )
        self.take()

    def run_here(self, job: str, *, is_good: bool) -> None:
        """Post a run of a job on this host."""
        end = {"job": job, "run_id": f"r{time.time_ns()}", "at": iso(time.time()), "reason": "exit_code"}
        end |= {"outcome": "succeeded" if is_good else "failed", "trigger": "fleet", "detail": "exited with 1"}
        what = "went_well" if is_good else "failed"
        event: dict[str, object] = {"what": what, "job": job, "key": end["run_id"], "at": end["at"], "end": end}
        self.take([event])

    def take(self, events: Sequence[dict[str, object]] = ()) -> None:
        state = self.settings.state_directory
        incidents = Incidents(self.settings, send=self._send, now=iso(time.time()))
        for event in events:
            incidents.take(event)
        for name in spool.names(state, spool.EVENTS):
            incidents.take(spool.read(state, spool.EVENTS, name) or {})
            spool.remove(state, spool.EVENTS, name)
        incidents.settle_all()

    def _send(self, notice: Notice, recipient: Recipient, _: Job | None) -> None:
        self.sent.append((recipient.shown, notice))

    def letter(self, to: str) -> Letter:
        """Return the first message to somebody."""
        notice = next(notice for whom, notice in self.sent if whom == to)
        return letter_of(Subject(notice, None, self.settings, zone=UTC))

    @property
    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(whom, notice.event.value, notice.jobs) for whom, notice in self.sent]

    @property
    def open(self) -> list[Incident]:
        return [each for each in Store(self.settings.state_directory).open_incidents() if each.is_open]


def missed(
    job: str,
    *,
    slot: int = SLOT,
    lock: str | None = None,
    cause: Cause = Cause.MISSED,
    why: str = "no host took it in time",
) -> MissedTimes:
    alike = f"fleet {why.partition(':')[0]}"
    of_all = "refused by host web1" if cause is Cause.REFUSED else why.replace(" it ", " a run ")
    return MissedTimes(
        job=job, lock=lock or job, cause=cause, slots=(slot,), count=1, why=why, why_of_all=of_all, alike=alike
    )


@pytest.fixture
def desk(box: Box) -> Desk:
    box.configure(failmail={"to_address": OPS}, fleet={"address": "127.0.0.1:1"})
    for slug in ("one", "two"):
        box.job(slug, f"command: /bin/true\nschedule: '30 2 * * *'\nowner: {{team: Team, mail: {TEAM}}}")
    box.job("three", "command: /bin/true\nschedule: '30 2 * * *'")
    settings = load_settings(str(box.configuration), dict(os.environb))
    os.makedirs(settings.state_directory, exist_ok=True)
    return Desk(settings)


def test_the_owner_gets_one_message_and_one_when_it_is_over(desk: Desk) -> None:
    desk.miss("one")
    desk.miss("one", slot=SLOT + 60)
    (incident,) = desk.open
    desk.over("one", "one")

    assert (incident.cause, incident.count, incident.id.partition(".")[0]) == (Cause.MISSED, 2, "one~20350306T0230Z")
    assert desk.told == [(TEAM, "opened", ("one",)), (TEAM, "closed", ("one",))]
    assert desk.open == []


def test_the_same_planned_time_that_is_posted_again_counts_once(desk: Desk) -> None:
    desk.miss("one")
    desk.miss("one")

    (incident,) = desk.open
    assert incident.count == 1
    assert len(desk.told) == 1


def test_jobs_that_the_same_hosts_did_not_take_are_one_message_for_each_owner(desk: Desk) -> None:
    desk.miss("one", "two", "three", "has-no-file-here")

    assert sorted(desk.told) == [
        (OPS, "opened", ("has-no-file-here", "three")),
        (TEAM, "opened", ("one", "two")),
    ]
    assert len(desk.open) == 1
    for job in ("one", "two", "three"):
        desk.over(job, job)
    assert [each.state for each in desk.open] == [State.OPEN]
    desk.over("has-no-file-here", "has-no-file-here")
    assert [event for _, event, _ in desk.told] == ["opened", "opened", "closed", "closed"]


def test_what_differs_is_another_incident(desk: Desk) -> None:
    desk.miss("one")
    desk.miss("two", cause=Cause.REFUSED, why="host web1 refused it: another version")

    assert [each.cause for each in desk.open] == [Cause.MISSED, Cause.REFUSED]


def test_a_host_that_was_down_does_not_explain_what_the_fleet_has_missed(desk: Desk) -> None:
    now = time.time()
    HostEvents(desk.settings, by="watch", now=now).of_host(Cause.HOST_DOWN, "down", "the host was off", since=iso(now))
    desk.miss("one")

    assert sorted(each.cause for each in desk.open) == [Cause.HOST_DOWN, Cause.MISSED]


def test_with_run_on_all_each_host_has_its_own_incident_which_a_run_on_this_host_does_not_end(desk: Desk) -> None:
    for host in ("web1", "web2"):
        desk.miss("one", lock=f"one@{host}", why=f"host {host} did not take it in time")
    desk.run_here("one", is_good=True)
    first, second = sorted(desk.open, key=lambda each: each.id)
    desk.over("one", "one@web1")
    (left,) = desk.open

    assert (first.id, second.id) == tuple(
        f"one~20350306T0230Z.{host}.{os.uname().nodename}" for host in ("web1", "web2")
    )
    assert left.id == second.id
    assert [event for _, event, _ in desk.told] == ["opened", "opened", "closed"]


def test_a_run_on_this_host_ends_it_at_once(desk: Desk) -> None:
    desk.miss("one")
    desk.run_here("one", is_good=True)

    assert desk.open == []
    assert [event for _, event, _ in desk.told] == ["opened", "closed"]


def test_a_run_that_fails_here_joins_what_was_missed(desk: Desk) -> None:
    desk.miss("one")
    desk.run_here("one", is_good=False)

    (incident,) = desk.open
    assert (incident.cause, incident.parts["one"].lock) == (Cause.FAILED, "one")


def test_it_is_not_over_because_this_host_has_no_file_of_the_job(desk: Desk) -> None:
    desk.miss("has-no-file-here")
    post_gone_jobs(desk.settings, load_all(desk.settings), HostEvents(desk.settings, by="watch", now=time.time()))
    desk.take()

    assert [each.jobs for each in desk.open] == [["has-no-file-here"]]


def test_a_message_names_the_reason_and_asks_the_fleet(desk: Desk) -> None:
    desk.miss("one", why="host web2 did not take it in time", lock="one@web2")
    letter = desk.letter(TEAM)
    lines = [line for _, line in letter.commands]

    words = "missed its planned time Tue 2035-03-06 02:30 UTC: host web2 did not take it in time"
    assert (letter.about, letter.verdict) == ("one", words)
    assert "last success" not in dict(letter.facts)
    begin = f"process-control --config {desk.settings.path}"
    assert lines[:4] == [
        f"{begin} why one 2035-03-06T02:30 --fleet",
        f"{begin} fleet hosts",
        f"{begin} run one --fleet",
        f"{begin} hold one --fleet --note '…'",
    ]


def test_a_message_about_a_refusal_names_the_host_and_the_planned_time(desk: Desk) -> None:
    desk.miss("one", cause=Cause.REFUSED, why="host web1 refused it: one.yaml is version a here, and b was applied")
    letter = desk.letter(TEAM)

    assert letter.verdict == "did not start: host web1 refused it: one.yaml is version a here, and b was applied"
    assert ("planned", "Tue 2035-03-06 02:30 UTC") in letter.facts


OF_ALL = {
    Cause.REFUSED: ("host web1 refused it: another version", "did not start: refused by host web1"),
    Cause.MISSED: ("no host took it in time", "missed 2 planned times: no host took a run in time"),
}


@pytest.mark.parametrize("cause", OF_ALL)
def test_a_message_about_several_jobs_says_what_is_true_of_all_of_them(desk: Desk, cause: Cause) -> None:
    why, verdict = OF_ALL[cause]
    desk.miss("one", "two", cause=cause, why=why)
    letter = desk.letter(TEAM)

    assert (letter.about, letter.verdict) == ("2 jobs", verdict)


@pytest.mark.parametrize("cause", OF_ALL)
def test_a_message_about_one_of_them_has_the_reason_when_another_ones_was_the_last(desk: Desk, cause: Cause) -> None:
    why, verdict = OF_ALL[cause]
    desk.miss("one", "three", cause=cause, why=why)
    letter = desk.letter(TEAM)

    of_one = verdict.replace("2 planned times", "its planned time Tue 2035-03-06 02:30 UTC")
    assert (letter.about, letter.verdict) == ("one", of_one)
