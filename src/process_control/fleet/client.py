"""What commands ask of the fleet: apply job files, start, stop, hold and release jobs, see how they stand."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import LockState, PastRun, Start
from process_control.errors import Fault, NotStarted, ProcessControlError
from process_control.fleet.connection import RPC_TIMEOUT, connect, require_search_attribute, server_errors
from process_control.fleet.job_specs import FleetJob, NotForFleet, fleet_jobs
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.wire import (
    CONTROL_QUEUE,
    LOCK_TYPE,
    Asked,
    Configured,
    RunState,
    activity_queue,
    workflow_id,
)

T = TypeVar("T")
#: A busy server once broke off some of 500 updates that were sent 20 at a time: fewer, and each is tried again.
AT_ONCE = 10
TRIES = 3
LOOK_AGAIN_SECONDS = 0.1
#: A start that no control process has taken by then is reported so.
TAKEN_WITHIN_SECONDS = 15.0

ADDED, CHANGED, UNCHANGED, REMOVED, LEFT, REFUSED = "added", "changed", "unchanged", "removed", "left", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `fleet apply` does with one job."""

    job: str
    #: a word of those above
    change: str
    lock: str | None = None
    faults: tuple[Fault, ...] = ()

    def to_json(self) -> dict[str, object]:
        why = None if not self.faults else "; ".join(fault.what for fault in self.faults)
        return {"job": self.job, "change": self.change, "lock": self.lock, "why": why}


def asked(settings: Settings, question: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, ask, and return the answer. Raises the errors of the connection."""

    async def ask() -> T:
        return await question(await connect(settings))

    return asyncio.run(ask())


# --- apply ------------------------------------------------------------------------------------------------------------


def apply(settings: Settings, *, dry_run: bool, prune: bool) -> list[Change]:
    """Hand the jobs of the job directory to the fleet; return what was done, or would be, sorted by job.

    A job that the fleet has and the job directory has not stays (`left`), unless `prune`.
    """
    jobs = fleet_jobs(settings)
    return asked(settings, lambda client: _Apply(client, settings, dry_run=dry_run, prune=prune).apply(jobs))


class _Apply:
    def __init__(self, client: Client, settings: Settings, *, dry_run: bool, prune: bool) -> None:
        self._client = client
        self._settings = settings
        self._dry_run = dry_run
        self._prune = prune
        self._generation = int(time.time() * 1000)
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def apply(self, jobs: Sequence[FleetJob | NotForFleet]) -> list[Change]:
        await require_search_attribute(self._client, self._settings)
        locks = {state.lock: state for state in await states(self._client, self._settings)}
        wanted = {(each.lock, each.spec.job) for each in jobs if isinstance(each, FleetJob)}
        kept = {each.job for each in jobs if isinstance(each, NotForFleet)}
        slugs = {slug for _, slug in wanted}
        gone = [
            (lock, slug)
            for lock, state in locks.items()
            for slug in state.jobs
            if (lock, slug) not in wanted and slug not in kept
        ]
        moved = [self._remove(lock, slug) for lock, slug in gone if slug in slugs]
        await asyncio.gather(*moved)  # first: one that has moved to another lock must not run under both
        left = [self._remove(lock, slug) for lock, slug in gone if slug not in slugs]
        found = await asyncio.gather(*(self._apply_one(each, locks) for each in jobs), *left)
        return sorted(found, key=lambda change: change.job)

    async def _apply_one(self, each: FleetJob | NotForFleet, locks: dict[str, LockState]) -> Change:
        if isinstance(each, NotForFleet):
            return Change(job=each.job, change=REFUSED, faults=each.faults)
        state = locks.get(each.lock)
        known = None if state is None else state.jobs.get(each.spec.job)
        change = ADDED if known is None else UNCHANGED if known.spec == each.spec else CHANGED
        if not self._dry_run and change != UNCHANGED:
            try:
                await self._configure(each)
            except ProcessControlError as error:
                return Change(job=each.spec.job, change=REFUSED, lock=each.lock, faults=tuple(error.faults))
        return Change(job=each.spec.job, change=change, lock=each.lock)

    async def _configure(self, each: FleetJob) -> None:
        async def call() -> str:
            return await self._client.execute_update_with_start_workflow(
                LockV1.configure,
                Configured(spec=each.spec, generation=self._generation),
                start_workflow_operation=WithStartWorkflowOperation(
                    LockV1.run,
                    LockState(lock=each.lock),
                    id=workflow_id(each.lock),
                    task_queue=CONTROL_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                ),
                rpc_timeout=RPC_TIMEOUT,
            )

        async with self._limit:
            with server_errors(self._settings, each.spec.job):
                await _tried_again(call)

    async def _remove(self, lock: str, slug: str) -> Change:
        if self._dry_run or not self._prune:
            change = REMOVED if self._prune else LEFT
            return Change(job=slug, change=change, lock=lock)
        async with self._limit:
            with server_errors(self._settings, slug):
                await _of_lock(self._client, lock).execute_update(
                    LockV1.remove, Asked(job=slug, by=_host()), rpc_timeout=RPC_TIMEOUT
                )
        return Change(job=slug, change=REMOVED, lock=lock)


async def _tried_again(call: Callable[[], Awaitable[T]]) -> T:
    """Call; once more when the connection broke. What is called does nothing when it was done already."""
    for _ in range(TRIES - 1):
        try:
            return await call()
        except RPCError as error:
            if error.status not in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED, RPCStatusCode.UNKNOWN):
                raise
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return await call()


# --- by hand ----------------------------------------------------------------------------------------------------------


def start(settings: Settings, lock: str, job: str, *, by: str, note: str | None = None, force: bool = False) -> str:
    """Have a run of the job started on a host of the fleet; return its id at once.

    Raises JobNotFound (66), NotStarted (75).
    """
    start = Start(
        run_id=f"m-{uuid.uuid4()}", job=job, arrived=time.time(), by=f"{by}@{_host()}", note=note, force=force
    )

    async def ask(client: Client) -> str:
        with server_errors(settings, job):
            return await _of_lock(client, lock).execute_update(LockV1.start, start, rpc_timeout=RPC_TIMEOUT)

    return asked(settings, ask)


def wait(settings: Settings, lock: str, job: str, run_id: str) -> PastRun:
    """Wait until a run has ended, and return how. Raises NotStarted (75) for a run that is not known any more."""

    async def ask(client: Client) -> PastRun:
        with server_errors(settings, job):
            return await _end_of(_of_lock(client, lock), job, run_id)

    return asked(settings, ask)


async def _end_of(handle: WorkflowHandle[LockV1, None], job: str, run_id: str) -> PastRun:
    while True:
        found: RunState = await handle.query(LockV1.run_state, run_id, rpc_timeout=RPC_TIMEOUT)
        if found.past is not None:
            return found.past
        if found.state == "unknown":
            raise NotStarted(f"run {run_id} is not known", where=job, hint="process-control fleet status")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def stop(settings: Settings, lock: str, job: str, *, by: str, note: str | None = None) -> PastRun | None:
    """Stop the run of a job, and wait until its host reports that its processes are gone; None: nothing was running."""

    async def ask(client: Client) -> PastRun | None:
        handle = _of_lock(client, lock)
        with server_errors(settings, job):
            who = Asked(job=job, by=f"{by}@{_host()}", note=note)
            run_id = await handle.execute_update(LockV1.stop, who, rpc_timeout=RPC_TIMEOUT)
            return None if run_id is None else await _end_of(handle, job, run_id)

    return asked(settings, ask)


def hold(settings: Settings, lock: str, job: str, *, by: str, note: str | None = None) -> None:
    """Have the job started at no planned time, on no host, until it is released."""

    async def ask(client: Client) -> None:
        with server_errors(settings, job):
            who = Asked(job=job, by=f"{by}@{_host()}", note=note)
            await _of_lock(client, lock).execute_update(LockV1.hold, who, rpc_timeout=RPC_TIMEOUT)

    asked(settings, ask)


def release(settings: Settings, lock: str, job: str, *, by: str, note: str | None = None) -> bool:
    """End the hold of a job in the fleet; return whether there was one."""

    async def ask(client: Client) -> bool:
        with server_errors(settings, job):
            who = Asked(job=job, by=f"{by}@{_host()}", note=note)
            return await _of_lock(client, lock).execute_update(LockV1.release, who, rpc_timeout=RPC_TIMEOUT)

    return asked(settings, ask)


# --- how it stands ----------------------------------------------------------------------------------------------------


def all_locks(settings: Settings) -> list[LockState]:
    """Return the state of every lock, sorted by its name."""
    return asked(settings, lambda client: states(client, settings))


async def states(client: Client, settings: Settings) -> list[LockState]:
    """Return the state of every lock, sorted by its name. Raises NotStarted (75) when no control process answers."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def state(lock_id: str) -> LockState | None:
        async with limit:
            try:
                return await client.get_workflow_handle_for(LockV1.run, lock_id).query(
                    LockV1.state, rpc_timeout=RPC_TIMEOUT
                )
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:  # it has just ended
                    return None
                if error.status == RPCStatusCode.DEADLINE_EXCEEDED:
                    raise _nobody_answers() from error
                raise

    with server_errors(settings):
        ids = [each async for each in _lock_ids(client)]
        found = await asyncio.gather(*map(state, ids))
    return sorted((each for each in found if each is not None), key=lambda each: each.lock)


def _nobody_answers() -> NotStarted:
    return NotStarted("no control process answers", where="fleet", hint="process-control fleet control, on two hosts")


async def _lock_ids(client: Client) -> AsyncIterator[str]:
    query = f"WorkflowType = '{LOCK_TYPE}' AND ExecutionStatus = 'Running'"
    async for each in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
        yield each.id


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """A worker or a control process that the server has heard of in the last minutes."""

    name: str
    pid: str
    #: UTC seconds
    last_seen: float
    kind: str

    def to_json(self) -> dict[str, object]:
        return {"host": self.name, "pid": self.pid, "kind": self.kind, "last_seen": self.last_seen}


def hosts(settings: Settings) -> list[FleetHost]:
    """Return the processes that ask the server for work, by host."""

    async def ask(client: Client) -> list[FleetHost]:
        with server_errors(settings):
            control = await _pollers(client, CONTROL_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, "control")
            queue = activity_queue("any")
            workers = await _pollers(client, queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, "worker")
        return sorted([*control, *workers], key=lambda each: (each.name, each.kind, each.pid))

    return asked(settings, ask)


async def _pollers(client: Client, queue: str, queue_type: "TaskQueueType.ValueType", kind: str) -> list[FleetHost]:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=queue_type
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    found: dict[str, FleetHost] = {}
    for poller in answer.pollers:
        name, _, pid = poller.identity.rpartition("@")
        seen = poller.last_access_time.ToNanoseconds() / 1e9
        found[poller.identity] = FleetHost(name=name, pid=pid, last_seen=seen, kind=kind)
    return list(found.values())


def _of_lock(client: Client, lock: str) -> WorkflowHandle[LockV1, None]:
    return client.get_workflow_handle_for(LockV1.run, workflow_id(lock))


def _host() -> str:
    return os.uname().nodename
