"""How the fleet stands: every lock with its jobs, and the run that it waits for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import LockState
from process_control.fleet.ask import AT_ONCE, asked, of_lock
from process_control.fleet.connection import RPC_TIMEOUT, NoAnswerInTime, server_errors
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.wire import LOCK_ID, LOCK_TYPE, RUN


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the fleet stands."""

    #: sorted by name
    locks: list[LockState]
    #: by lock: the host that its run in flight is on, when one has taken it
    hosts: dict[str, str]


def all_locks(settings: Settings) -> Look:
    """Return the state of every lock, and where its run in flight is: one more question for each of these runs."""

    async def ask(client: Client) -> Look:
        locks = await states(client, settings)
        limit = asyncio.Semaphore(AT_ONCE)

        async def host(lock: str) -> str:
            async with limit:
                try:
                    flight = await run_in_flight(client, lock)
                except RPCError as error:
                    if error.status != RPCStatusCode.NOT_FOUND:
                        raise
                    flight = None  # its lock has just ended
            return "" if flight is None else flight.host

        running = [lock.lock for lock in locks if lock.running is not None]
        with server_errors(settings):
            hosts = await asyncio.gather(*map(host, running))
        return Look(locks=locks, hosts={lock: each for lock, each in zip(running, hosts, strict=True) if each})

    return asked(settings, ask)


async def states(
    client: Client, settings: Settings, *, only: Callable[[str], bool] = lambda _: True
) -> list[LockState]:
    """Return the state of every lock, or of those that `only` takes by name, sorted by this.

    Raises NotStarted (75) when no control process answers.
    """
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
                if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.FAILED_PRECONDITION):
                    raise _nobody_answers() from error
                raise

    with server_errors(settings):
        ids = [each async for each in _lock_ids(client) if only(each.removeprefix(LOCK_ID))]
        found = await asyncio.gather(*map(state, ids))
    return sorted((each for each in found if each is not None), key=lambda each: each.lock)


def _nobody_answers() -> NoAnswerInTime:
    return NoAnswerInTime(
        "no control process answers", where="fleet", hint="process-control fleet control, on two hosts"
    )


async def _lock_ids(client: Client) -> AsyncIterator[str]:
    query = f"WorkflowType = '{LOCK_TYPE}' AND ExecutionStatus = 'Running'"
    async for each in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
        yield each.id


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInFlight:
    """What the server knows of a run that has not ended."""

    #: in the fleet
    asked_as: str
    #: empty: none has taken it
    host: str
    #: in the history of its host; None: the host has not reported it yet
    run_id: str | None


async def run_in_flight(client: Client, lock: str) -> RunInFlight | None:
    """Return the run that a lock waits for; None when there is none. Raises RPCError."""
    described = await of_lock(client, lock).describe(rpc_timeout=RPC_TIMEOUT)
    for pending in described.raw_description.pending_activities:
        if pending.activity_type.name == RUN:
            beats = pending.heartbeat_details.payloads
            decoded = await client.data_converter.decode(beats, [str]) if beats else []
            host = pending.last_worker_identity.rpartition("@")[0]
            return RunInFlight(asked_as=pending.activity_id, host=host, run_id=decoded[0] if decoded else None)
    return None
