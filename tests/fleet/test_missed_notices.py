"""What a control process does with planned times that come to nothing: bad disks, bad names, nobody to notify."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from kit.harness import Box, until
from process_control.config.settings import Settings, load_settings
from process_control.core import layout
from process_control.core.fleet.decide import decide
from process_control.core.fleet.lock_state import Ended, JobSpec, JobState, LockState, PastRun, PlannedSlots, Start
from process_control.fleet.missed_notices import MissedNotices
from process_control.fleet.recovered import OpenJobs, end_missed
from process_control.fleet.server_watch import ServerWatch
from process_control.fleet.wire import Question
from process_control.notify import spool
from process_control.notify.incidents import Incidents
from process_control.state.incident_store import Store, changing
from process_control.system.clock import iso

if TYPE_CHECKING:
    from temporalio.client import Client

BEGIN = 1_800_000_000  # 2027-01-15T08:00:00Z
NO_WORKER = Ended(fate="missed", reason="no_worker")


@pytest.fixture
def settings(box: Box) -> Settings:
    box.configure(failmail={"to_address": "ops@example.org"}, fleet={"address": "127.0.0.1:1"})
    found = load_settings(str(box.configuration), dict(os.environb))
    os.makedirs(found.state_directory, exist_ok=True)
    return found


def missed(job: str, slot: int = BEGIN) -> Question:
    """Return the question of a lock whose job no host has taken."""
    spec = JobSpec(job=job, hash="h", schedule=("0 8 * * *",))
    known = JobState(spec=spec, generation=1, planned=PlannedSlots(planned_to=slot), since=slot)
    start = Start(run_id="r", job=job, slot=slot, arrived=slot)
    past = PastRun(start=start, since=slot, until=slot + 30, ended=NO_WORKER)
    return Question(state=LockState(lock="lock", jobs={job: known}), now=slot + 31.0, ended=(past,))


def said_about(settings: Settings, questions: Sequence[Question]) -> list[str]:
    """Return what a control process says that posts what decisions about these questions say."""
    said: list[str] = []

    async def post() -> None:
        notices = MissedNotices(settings, OpenJobs(), said.append)
        for each in questions:
            await notices.post(each, decide(each.state, each.now, each.ended))

    asyncio.run(post())
    return said


def look_until(
    settings: Settings,
    server: object,
    is_done: Callable[[], bool],
    *,
    jobs: OpenJobs | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Look for incidents that are over, as a control process does, until something is done. `server`: who is asked."""
    client = cast("Client", server)

    async def look() -> None:
        watch = ServerWatch(client, settings, say, who="control", meanwhile="nothing is decided")
        looking = asyncio.create_task(end_missed(client, settings, jobs or OpenJobs(), watch, say))
        await asyncio.to_thread(until, is_done, "the look")
        looking.cancel()

    asyncio.run(look())


def test_what_cannot_be_the_name_of_a_job_becomes_no_path_here(settings: Settings, box: Box) -> None:
    before = sorted(box.root.rglob("*"))

    said = said_about(settings, [missed("../../outside"), missed("../elsewhere")])

    assert sorted(box.root.rglob("*")) == before
    assert said == ["control: nobody is notified of '../../outside' and the like: these are no names of jobs"]


def test_a_job_is_posted(settings: Settings) -> None:
    assert said_about(settings, [missed("nightly")]) == []
    assert len(spool.names(settings.state_directory, spool.EVENTS)) == 1


def test_a_disk_that_takes_nothing_is_said_once(settings: Settings) -> None:
    os.makedirs(layout.spool(settings.state_directory))
    with open(layout.spool_of(settings.state_directory, spool.EVENTS), "w"):  # where a directory belongs
        said = said_about(settings, [missed("nightly"), missed("nightly", BEGIN + 86400)])

    (line,) = said
    assert line.startswith("control: cannot keep the message about a missed planned time: [Errno 20] Not a directory: ")
    assert line.endswith("; sends it unkept")


def test_that_nobody_is_named_is_said_once_for_all_jobs(box: Box, settings: Settings) -> None:
    box.configure(failmail=None)
    unnamed = load_settings(str(box.configuration), dict(os.environb))

    said = said_about(unnamed, [missed("nightly"), missed("weekly")])

    (line,) = said
    assert line.startswith("control: nobody is notified of missed planned times: ")
    assert "the file of nightly here" in line
    assert not os.path.exists(layout.spool_of(settings.state_directory, spool.EVENTS))


def test_good_runs_of_a_job_of_which_nothing_is_open_any_more_are_no_news(settings: Settings) -> None:
    jobs, said = OpenJobs(), list[str]()
    jobs.slugs |= {"well-again", "open"}
    os.makedirs(layout.job(settings.state_directory, "open"))
    Path(layout.incident_mark(settings.state_directory, "open")).touch(mode=0o600)

    look_until(settings, None, lambda: "well-again" not in jobs.slugs, jobs=jobs, say=said.append)

    assert (jobs.slugs, said) == ({"open"}, [])


class BusyClient:
    """A server whose lock has run well, and misses its next planned time while it answers."""

    def __init__(self, settings: Settings, state: LockState) -> None:
        self._settings = settings
        self._state = state

    def get_workflow_handle_for(self, *_: object) -> "BusyClient":
        return self

    async def query(self, *_: object, **__: object) -> LockState:
        await asyncio.to_thread(said_about, self._settings, [missed("nightly", BEGIN + 86400)])
        return self._state


def test_what_is_missed_while_a_lock_is_asked_is_not_over_with_what_was_missed_before(settings: Settings) -> None:
    said_about(settings, [missed("nightly")])
    take_events(settings)
    good = Ended(fate="ran", outcome="succeeded", host="web1", host_run_id="r2")
    past = PastRun(
        start=Start(run_id="b", job="nightly", arrived=BEGIN), since=BEGIN + 60, until=BEGIN + 61, ended=good
    )
    state = replace(missed("nightly").state, past=(past,))

    look_until(settings, BusyClient(settings, state), lambda: "gone" in " ".join(events_of(settings)))
    take_events(settings)

    (incident,) = [each for each in Store(settings.state_directory).open_incidents() if each.is_open]
    assert incident.parts["nightly"].slots == ("2027-01-16T08:00:00.000Z",)


def events_of(settings: Settings) -> list[str]:
    return spool.names(settings.state_directory, spool.EVENTS)


def take_events(settings: Settings) -> None:
    """Have incidents made of what was posted; the process that sends may do so as well, but not at the same time."""
    os.makedirs(settings.run_directory, exist_ok=True)
    with changing(settings.run_directory):
        incidents = Incidents(settings, send=lambda *_: None, now=iso(time.time()))
        for name in events_of(settings):
            incidents.take(spool.read(settings.state_directory, spool.EVENTS, name) or {})
            spool.remove(settings.state_directory, spool.EVENTS, name)
