"""Ends incidents of this host whose job has run well since, where nothing here hears of that run.

A worker looks for runs that failed here, when the next one goes well on another host; a control process for planned
times that it has reported as missed.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.causes import OF_RUNS, Cause
from process_control.core.fleet.lock_state import LockState
from process_control.core.fleet.membership import ALL, belongs_to_fleet
from process_control.core.fleet.recovery import good_run_after, run_in_words, why_over
from process_control.core.incident import Incident
from process_control.core.job import is_slug
from process_control.errors import ProcessControlError
from process_control.fleet.ask import of_lock
from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.server_watch import ServerWatch
from process_control.notify.host_events import HostEvents, has_incident
from process_control.state.incident_store import Store
from process_control.system.account import account_of

LOOK_AGAIN_SECONDS = 60.0
#: So long after a decision the server has it.
RECORDED_AFTER_SECONDS = 2.0
#: More than a unit of the times by which events are sorted.
EVENT_SECONDS = 0.002
BY = "fleet"


class OpenJobs:
    """The jobs with an incident here, as far as is known, so that a good run of one of them is looked at soon."""

    def __init__(self) -> None:
        self.slugs: set[str] = set()
        self._has_news = asyncio.Event()

    def have_run_well(self, slugs: Iterable[str]) -> None:
        """Hear which jobs have run well, by a decision that is about to be recorded."""
        if not self.slugs.isdisjoint(slugs):
            self._has_news.set()

    async def wait_for_news(self, seconds: float) -> None:
        """Wait until one of them has run well, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_news.wait()
            self._has_news.clear()  # not later: of what comes meanwhile the server may not have the record yet
            await asyncio.sleep(RECORDED_AFTER_SECONDS)


@dataclass(slots=True)
class _Trouble:
    """What is open of a job here."""

    job: str
    #: the lock of the fleet that knows whether it is over
    lock: str
    #: planned times that the control process here has reported
    missed: list[Incident] = field(default_factory=list)
    #: runs that failed here
    of_runs: list[Incident] = field(default_factory=list)


async def end_recovered(
    client: Client, settings: Settings, host: str, watch: ServerWatch, say: Callable[[str], None]
) -> None:
    """Look for them, when the worker has begun and each minute: one question for each job that has an incident here.

    That the server is away is for `watch` to say.
    """
    await _look_again_and_again(client, settings, host, OpenJobs(), watch, say)


async def end_missed(
    client: Client, settings: Settings, jobs: OpenJobs, watch: ServerWatch, say: Callable[[str], None]
) -> None:
    """Look for those that a control process has reported; have the messages sent that wait here."""
    await _look_again_and_again(client, settings, None, jobs, watch, say)


async def _look_again_and_again(
    client: Client,
    settings: Settings,
    host: str | None,
    jobs: OpenJobs,
    watch: ServerWatch,
    say: Callable[[str], None],
) -> None:
    """Look until this is cancelled. `host`: that of the worker which looks; None: a control process does."""
    while True:
        try:
            known = frozenset(jobs.slugs)
            found = await _look(client, settings, host)
            jobs.slugs -= await asyncio.to_thread(_without_incident, settings, known - found)
            jobs.slugs |= found
        except Exception as error:  # noqa: BLE001  whatever it is: without a next look nothing is ever over
            if await watch.answers():
                say(f"cannot see whether jobs have recovered on other hosts, tries again: {error}")
        await jobs.wait_for_news(LOOK_AGAIN_SECONDS)


async def _look(client: Client, settings: Settings, host: str | None) -> set[str]:
    """End what is over; return the jobs that had something open. Raises the first fault, when all others are done."""
    faults: list[Exception] = []
    posted = _events(settings, time.time()) if host is None else None  # what waits here is sent, too
    troubles = await asyncio.to_thread(_open_here, settings, with_runs=host is not None)
    for trouble in troubles:
        asked_at = time.time() - EVENT_SECONDS
        try:
            why = _why_over(await _state_of(client, trouble.lock), trouble, host)
        except Exception as error:  # noqa: BLE001  a lock that cannot be asked keeps no other incident open
            faults.append(error)
            if isinstance(error, RPCError) and error.status == RPCStatusCode.UNAVAILABLE:
                break
            continue
        if why is not None:
            posted = await asyncio.to_thread(_post, settings, trouble, why, asked_at)
    if posted is not None:
        await asyncio.to_thread(posted.deliver)
    if faults:
        raise faults[0]
    return {trouble.job for trouble in troubles}


def _without_incident(settings: Settings, slugs: Iterable[str]) -> set[str]:
    """Return the jobs of which nothing is open here any more: their good runs are no news."""
    return {slug for slug in slugs if not has_incident(settings, slug)}


async def _state_of(client: Client, lock: str) -> LockState | None:
    """Return what a lock is now; None: there is none of that name."""
    try:
        state: LockState = await of_lock(client, lock).query(LockV1.state, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    return state


def _why_over(state: LockState | None, trouble: _Trouble, host: str | None) -> str | None:
    """Return why all that is open of a job is over; None: it is not, or a run on this host has ended it."""
    ends = [why_over(state, trouble.job, each) for each in trouble.missed]
    if trouble.of_runs and state is None:
        return None
    for each in trouble.of_runs:
        last = None if state is None else good_run_after(state, trouble.job, each.run_id, each.last_at)
        is_elsewhere = last is not None and last.ended.host not in (None, host)
        ends.append(run_in_words(last) if last is not None and is_elsewhere else None)
    return ends[0] if all(ends) else None


def _open_here(settings: Settings, *, with_runs: bool) -> list[_Trouble]:
    """Return what is open here of jobs of the fleet; with `with_runs` also their runs that have failed here."""
    found: list[_Trouble] = []
    try:
        slugs = sorted(os.listdir(layout.jobs(settings.state_directory)))
    except FileNotFoundError:
        return []
    store = Store(settings.state_directory)
    for slug in slugs:
        if is_slug(slug) and has_incident(settings, slug):
            found += _open_of(settings, slug, store.of_job(slug), with_runs=with_runs)
    return found


def _open_of(settings: Settings, slug: str, incidents: list[Incident], *, with_runs: bool) -> list[_Trouble]:
    by_lock: dict[str, _Trouble] = {}
    of_runs = []
    for each in incidents:
        part = each.parts.get(slug)
        if part is None or part.is_over:
            continue
        if part.lock:
            by_lock.setdefault(part.lock, _Trouble(slug, part.lock)).missed.append(each)
        elif each.cause in (*OF_RUNS, Cause.REFUSED):
            of_runs.append(each)
    if with_runs and of_runs and (lock := _lock_of(settings, slug)):
        by_lock.setdefault(lock, _Trouble(slug, lock)).of_runs += of_runs
    return list(by_lock.values())


def _lock_of(settings: Settings, slug: str) -> str | None:
    """Return the lock of a job that runs anywhere; None of one of this host, or whose file is invalid or gone."""
    try:
        job = load_job(slug, settings)
    except ProcessControlError:
        return None
    return job.lock if belongs_to_fleet(job.run_on, settings.fleet_address) and job.run_on != ALL else None


def _post(settings: Settings, trouble: _Trouble, why: str, at: float) -> HostEvents:
    """Post the end of a trouble. `at`: when its lock was asked, so that it is before what is missed meanwhile."""
    events = _events(settings, at)
    events.gone(trouble.job, why, lock=trouble.lock)
    if events.fault is not None:  # it is in the memory of this process alone
        events.deliver()
    return events


def _events(settings: Settings, at: float) -> HostEvents:
    return HostEvents(settings, by=BY, now=at, user=account_of(os.geteuid()).name)
