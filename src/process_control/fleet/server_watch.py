"""Watches whether the server answers, for a process that stays: what it says of that."""

import asyncio
import time
from collections.abc import Callable

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.core.fleet.outage import Outage
from process_control.errors import NotStarted, ProcessControlError
from process_control.fleet.connection import AWAY, address_of, server_errors

#: Each look reads one row of the server's database: a run costs it more each second.
LOOK_EACH_SECONDS = 10.0
#: While it is lost. A server that is started again is there after two seconds: that is no loss.
LOOK_AGAIN_SECONDS = 3.0
ANSWERS_WITHIN_SECONDS = 3.0


class ServerWatch:
    """`who`: the process that watches; `meanwhile`: what becomes of the fleet while the server is away."""

    def __init__(
        self, client: Client, settings: Settings, say: Callable[[str], None], *, who: str, meanwhile: str
    ) -> None:
        self._client = client
        self._settings = settings
        self._say = say
        self._outage = Outage(who, address_of(settings), meanwhile)

    async def look_on(self) -> None:
        """Look from time to time, until this is cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS if self._outage.is_lost else LOOK_EACH_SECONDS)
            await self.answers()

    async def answers(self) -> bool:
        """Return whether the server answers now, and say so when that has changed."""
        fault = await self._fault()
        if fault is not None and not self._outage.is_lost:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            fault = await self._fault()
        words = self._outage.heard(fault, time.monotonic())
        if words is not None:
            self._say(words)
        return fault is None

    async def _fault(self) -> str | None:
        request = DescribeNamespaceRequest(namespace=self._settings.fleet_namespace)
        lost = f"the server {address_of(self._settings)} does not answer"
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
                with server_errors(self._settings):
                    await self._client.workflow_service.describe_namespace(request)
        except TimeoutError:
            return lost
        except NotStarted as error:
            cause = error.__cause__
            is_away = isinstance(cause, RPCError) and cause.status in (*AWAY, RPCStatusCode.UNKNOWN)
            return lost if is_away else error.faults[0].what
        except ProcessControlError as error:
            return error.faults[0].what
        return None
