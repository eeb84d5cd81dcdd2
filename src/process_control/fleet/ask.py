"""Asks the fleet's server something, from a command that is not asynchronous."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import Client, WorkflowHandle

from process_control.config.settings import Settings
from process_control.fleet.connection import NoAnswerInTime, connect
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.wire import Asked, workflow_id

T = TypeVar("T")
#: A busy server once broke off some of 500 updates that were sent 20 at a time.
AT_ONCE = 10
#: To a server that does not answer the library tries to connect for half a minute.
CONNECT_SECONDS = 10.0


def asked(settings: Settings, question: Callable[[Client], Awaitable[T]], *, seconds: float | None = None) -> T:
    """Connect, ask, and return the answer. Raises the errors of the connection.

    `seconds`: how long all of it may take; then, and when it cannot connect soon, NoAnswerInTime (75) is raised.
    """

    async def ask() -> T:
        return await question(await connect(settings))

    async def ask_in_time(limit: float) -> T:
        try:
            async with asyncio.timeout(limit):
                async with asyncio.timeout(CONNECT_SECONDS):
                    client = await connect(settings)
                return await question(client)
        except TimeoutError as error:
            raise NoAnswerInTime(
                "the fleet has not answered in time",
                where=settings.fleet_address or "",
                hint="process-control fleet doctor",
            ) from error

    return asyncio.run(ask() if seconds is None else ask_in_time(seconds))


def of_lock(client: Client, lock: str) -> WorkflowHandle[LockV1, None]:
    """Return the handle of the workflow of a lock."""
    return client.get_workflow_handle_for(LockV1.run, workflow_id(lock))


def asked_by(by: str, job: str, note: str | None = None, seconds: float | None = None) -> Asked:
    return Asked(job=job, by=on_this_host(by), note=note, seconds=seconds)


def on_this_host(by: str) -> str:
    return f"{by}@{os.uname().nodename}"
