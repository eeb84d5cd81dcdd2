"""Hands the job files of this host to the fleet."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import LockState
from process_control.errors import Fault, ProcessControlError
from process_control.fleet.ask import AT_ONCE, asked, asked_by, of_lock
from process_control.fleet.connection import RPC_TIMEOUT, require_search_attribute, server_errors
from process_control.fleet.job_specs import FleetJob, NotForFleet, fleet_jobs
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.look import states
from process_control.fleet.wire import CONTROL_QUEUE, Configured, workflow_id

T = TypeVar("T")
#: How often an update is sent at most while connections break.
TRIES = 3
TRY_AGAIN_SECONDS = 0.1

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


def apply(settings: Settings, *, by: str, dry_run: bool, prune: bool) -> list[Change]:
    """Hand the jobs of the job directory to the fleet; return what was done, or would be, sorted by job.

    A job that the fleet has and the job directory has not stays (`left`), unless `prune`.
    """
    jobs = fleet_jobs(settings)
    return asked(settings, lambda client: _Apply(client, settings, by=by, dry_run=dry_run, prune=prune).apply(jobs))


class _Apply:
    def __init__(self, client: Client, settings: Settings, *, by: str, dry_run: bool, prune: bool) -> None:
        self._client = client
        self._settings = settings
        self._by = by
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
                handle = of_lock(self._client, lock)
                await handle.execute_update(LockV1.remove, asked_by(self._by, slug), rpc_timeout=RPC_TIMEOUT)
        return Change(job=slug, change=REMOVED, lock=lock)


async def _tried_again(call: Callable[[], Awaitable[T]]) -> T:
    """Call; once more when the connection broke. What is called does nothing when it was done already."""
    for _ in range(TRIES - 1):
        try:
            return await call()
        except RPCError as error:
            if error.status not in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED, RPCStatusCode.UNKNOWN):
                raise
            await asyncio.sleep(TRY_AGAIN_SECONDS)
    return await call()
