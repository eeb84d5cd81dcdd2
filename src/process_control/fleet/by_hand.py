"""What people do with jobs of the fleet: start, stop, hold and release them. Results as on one host."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio.client import Client, WorkflowHandle

from process_control.actions.start import Started
from process_control.actions.stop import Stopped
from process_control.config.settings import Settings
from process_control.core.fleet.everywhere import host_of
from process_control.core.fleet.lock_state import Hold, PastRun, Start
from process_control.core.job import Job
from process_control.errors import JobNotFound, NotStarted, ProcessControlError
from process_control.fleet.ask import asked, asked_by, of_lock, on_this_host
from process_control.fleet.connection import RPC_TIMEOUT, server_errors
from process_control.fleet.everywhere import locks_of
from process_control.fleet.hand_over import tried_again
from process_control.fleet.known_jobs import locks_that_know
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.updates import send
from process_control.fleet.wire import RunState

T = TypeVar("T")
LOOK_AGAIN_SECONDS = 0.1


def start(
    settings: Settings, jobs: Sequence[Job], *, by: str, note: str | None = None, force: bool = False
) -> list[Started]:
    """Have a run of each job started on a host of the fleet; return their ids at once."""

    async def ask(client: Client) -> list[Started]:
        return [
            await _start(client, settings, job, lock, by=on_this_host(by), note=note, force=force)
            for job in jobs
            for lock in await locks_of(client, settings, job)
        ]

    return asked(settings, ask)


async def _start(
    client: Client, settings: Settings, job: Job, lock: str, *, by: str, note: str | None, force: bool
) -> Started:
    host = host_of(lock)
    run_id = f"m-{uuid.uuid4()}" + (f"@{host}" if host else "")
    wanted = Start(run_id=run_id, job=job.slug, arrived=time.time(), by=by, note=note, force=force)
    try:
        with server_errors(settings, job.slug):
            await send(of_lock(client, lock), LockV1.start, wanted)
    except ProcessControlError as error:
        return Started(slug=job.slug, run_id=None, why=error.faults[0].what, exit_code=error.exit_code)
    return Started(slug=job.slug, run_id=run_id)


async def _end_of(handle: WorkflowHandle[LockV1, None], job: str, run_id: str) -> PastRun:
    """Ask again and again: updates that wait are limited to 10 in flight."""
    while True:
        found: RunState = await tried_again(lambda: handle.query(LockV1.run_state, run_id, rpc_timeout=RPC_TIMEOUT))
        if found.past is not None:
            return found.past
        if found.state == "unknown":
            raise NotStarted(f"run {run_id} is not known", where=job, hint="process-control fleet status")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def stop(settings: Settings, jobs: Sequence[Job | str], *, by: str, note: str | None = None) -> list[Stopped]:
    """Stop the runs of these jobs, and wait until their hosts report that no process of them is left.

    A slug stands for a job without a file here.
    """

    async def ask(client: Client) -> list[Stopped]:
        async def one(job: Job | str) -> Sequence[Stopped]:
            slug = slug_of(job)
            return await _at_each_lock(
                client, settings, job, lambda handle: _stop(handle, settings, slug, by=by, note=note), template=False
            )

        return [stopped for found in await asyncio.gather(*map(one, jobs)) for stopped in found]

    return asked(settings, ask)


async def _stop(
    handle: WorkflowHandle[LockV1, None], settings: Settings, job: str, *, by: str, note: str | None
) -> Stopped:
    with server_errors(settings, job):
        run_id = await send(handle, LockV1.stop, asked_by(by, job, note))
        if run_id is None:
            return Stopped(slug=job, is_stopped=False, words="nothing is running")
        ended = (await _end_of(handle, job, run_id)).ended
    on = f" on {ended.host}" if ended.host else ""
    if ended.reason == "stopped":
        return Stopped(slug=job, is_stopped=True, words=f"stopped run {run_id}{on}", run_id=run_id)
    words = f"run {run_id} had ended{on}: {ended.outcome or ended.fate}"
    return Stopped(slug=job, is_stopped=False, words=words, run_id=run_id)


def hold(
    settings: Settings, jobs: Sequence[Job | str], *, by: str, note: str | None = None, seconds: float | None = None
) -> list[Hold]:
    """Have these jobs started at no planned time, on no host, until they are released; return their holds.

    `seconds`: the hold ends by itself after so long, by the clock of the server. Raises NotStarted (75) when control
    processes of an older version have held a job without an end.
    """
    holds = _each(
        settings,
        jobs,
        lambda handle, job: send(handle, LockV1.hold, asked_by(by, job, note, seconds)),
    )
    for job, held in zip(jobs, holds, strict=True):
        if held is None and seconds is not None:
            raise NotStarted(
                "it is held without an end: the control processes are of an older version",
                where=slug_of(job),
                hint=f"upgrade fleet control; to release it: process-control release {slug_of(job)} --fleet",
            )
    return [held or Hold(since=time.time(), by=on_this_host(by), note=note) for held in holds]


def release(settings: Settings, jobs: Sequence[Job | str], *, by: str, note: str | None = None) -> list[bool]:
    """End the holds of these jobs in the fleet; return of each whether there was one."""
    return _each(
        settings,
        jobs,
        lambda handle, job: send(handle, LockV1.release, asked_by(by, job, note)),
    )


def slug_of(job: Job | str) -> str:
    return job if isinstance(job, str) else job.slug


def _each(
    settings: Settings,
    jobs: Sequence[Job | str],
    call: Callable[[WorkflowHandle[LockV1, None], str], Awaitable[T]],
) -> list[T]:
    async def ask(client: Client) -> list[T]:
        async def one(job: Job | str) -> T:
            slug = slug_of(job)
            answers = await _at_each_lock(client, settings, job, lambda handle: call(handle, slug), template=True)
            return max(answers, key=bool)

        return [await one(job) for job in jobs]

    return asked(settings, ask)


async def _at_each_lock(
    client: Client,
    settings: Settings,
    job: Job | str,
    call: Callable[[WorkflowHandle[LockV1, None]], Awaitable[T]],
    *,
    template: bool,
) -> Sequence[T]:
    """Ask each lock that has a job: the one that its file names, else those that the fleet knows.

    A file that is gone, or names another lock since, says nothing of a run in progress. Raises JobNotFound (66).
    """

    async def asked_of(locks: Sequence[str]) -> Sequence[T]:
        with server_errors(settings, slug_of(job)):
            return await asyncio.gather(*(call(of_lock(client, lock)) for lock in locks))

    unknown = JobNotFound(
        f"the fleet has no job '{slug_of(job)}'", where=slug_of(job), hint="process-control fleet status"
    )
    if not isinstance(job, str):
        try:
            return await asked_of(await locks_of(client, settings, job, template=template))
        except JobNotFound as error:
            unknown = error
    locks = await locks_that_know(client, settings, slug_of(job), template=template)
    if not locks:
        raise unknown
    return await asked_of(locks)
