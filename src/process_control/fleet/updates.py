"""Sends locks what is wanted of them. Only `hand_over`, which may have to begin a lock, sends updates itself."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.lock_v1 import LockV1

A = TypeVar("A")
T = TypeVar("T")
#: After each of them an update is sent again, whose task the server has dropped.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)
_DROPPED = re.compile(r"workflow task failure|workflow task in failed state", re.IGNORECASE)


async def send(handle: WorkflowHandle[LockV1, None], update: UpdateMethodMultiParam[[LockV1, A], T], what: A) -> T:
    """Send an update; return the answer of the lock. Raises WorkflowUpdateFailedError, RPCError."""
    return await sent_again(lambda: handle.execute_update(update, what, rpc_timeout=RPC_TIMEOUT))


async def sent_again(call: Callable[[], Awaitable[T]]) -> T:
    """Call; again, while the server has dropped the task with the update: nothing was done then.

    It does so when a lock ends, or begins a new history, in the task that takes the update, and something else (a
    signal, the end of a run, a timer) has come in meanwhile: the lock has to see that first.
    """
    for pause in PAUSES_SECONDS:
        try:
            return await call()
        except RPCError as error:
            if error.status != RPCStatusCode.FAILED_PRECONDITION or not _DROPPED.search(error.message):
                raise
        await asyncio.sleep(pause)
    return await call()
