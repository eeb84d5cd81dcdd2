"""Hands one job to its lock, the only way in which a workflow is begun, and takes it back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import Client, RPCTimeoutOrCancelledError, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from process_control.core.fleet.lock_state import JobSpec, LockState
from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.updates import send, sent_again
from process_control.fleet.wire import CONTROL_QUEUE, Asked, Configured, workflow_id

T = TypeVar("T")
#: How often a call is tried at most while connections break.
TRIES = 3
TRY_AGAIN_SECONDS = 0.1
#: A server under load breaks off streams of HTTP/2 with these.
_BROKEN = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED, RPCStatusCode.UNKNOWN)


async def hand_over(client: Client, lock: str, spec: JobSpec, generation: int) -> str:
    """Have a lock take over a job; return applied, or unchanged. Raises WorkflowUpdateFailedError, RPCError."""

    async def call() -> str:
        return await client.execute_update_with_start_workflow(
            LockV1.configure,
            Configured(spec=spec, generation=generation),
            start_workflow_operation=WithStartWorkflowOperation(
                LockV1.run,
                LockState(lock=lock),
                id=workflow_id(lock),
                task_queue=CONTROL_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            ),
            rpc_timeout=RPC_TIMEOUT,
        )

    return await tried_again(lambda: sent_again(call))


async def take_back(client: Client, lock: str, asked: Asked) -> None:
    """Have a lock forget a job. One that has ended has forgotten all: it may have done so as the connection broke.

    Raises RPCError.
    """
    handle = client.get_workflow_handle_for(LockV1.run, workflow_id(lock))
    try:
        await tried_again(lambda: send(handle, LockV1.remove, asked))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND or "namespace" in error.message.lower():
            raise


async def tried_again(call: Callable[[], Awaitable[T]]) -> T:
    """Call; once more when the connection broke. What is called does nothing when it was done already."""
    for _ in range(TRIES - 1):
        try:
            return await call()
        except RPCTimeoutOrCancelledError:  # busy: it may have been done
            continue
        except RPCError as error:
            if error.status not in _BROKEN:
                raise
            await asyncio.sleep(TRY_AGAIN_SECONDS)
    return await call()
