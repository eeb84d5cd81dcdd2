"""What the server hears of a run while it is running, and what it answers."""

import asyncio
import time
from collections.abc import Callable

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode

#: How long an answer may take. The library sends its own beats so seldom that a stop would take a minute, and says
#: nothing of a server that is away. They cost the server as much as ours, so they stay seldom.
BEAT_TIMEOUT_SECONDS = 3.0
TRY_AGAIN_SECONDS = 0.5
#: The answers. FORGOTTEN: the server has given the run up, so that another one may start.
TAKEN, CANCELLED, FORGOTTEN, AWAY = "taken", "cancelled", "forgotten", "away"


class Beats:
    """The beats of the activity that makes it. `about`: what they say."""

    def __init__(self, client: Client, about: str) -> None:
        self._handle = client.get_async_activity_handle(task_token=activity.info().task_token)
        self._about = about
        #: by CLOCK_BOOTTIME: when the last beat was sent that the server has taken
        self.taken_at = 0.0

    async def send(self) -> str:
        """Send one, by the library as well: the server takes a run as lost of which only this one is heard."""
        activity.heartbeat(self._about)
        sent_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            async with asyncio.timeout(BEAT_TIMEOUT_SECONDS):
                await self._handle.heartbeat(self._about)
        except AsyncActivityCancelledError:
            self.taken_at = sent_at
            return CANCELLED
        except RPCError as error:
            is_forgotten = error.status == RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower()
            return FORGOTTEN if is_forgotten else AWAY
        except TimeoutError:
            return AWAY
        self.taken_at = sent_at
        return TAKEN

    async def first(self, is_stopped: Callable[[], bool]) -> str:
        """Return whether the server still waits for the run. The order may be old: this process may have been stopped.

        Only after TAKEN the run may begin; the lease counts from here. While the server is away, it is asked again,
        unless the run is stopped.
        """
        while True:
            answer = await self.send()
            if answer != AWAY or is_stopped():
                return answer
            await asyncio.sleep(TRY_AGAIN_SECONDS)

    def is_given_up(self) -> bool:
        """Return whether the library has cancelled the activity because the server has given the run up."""
        why = activity.cancellation_details()
        return why is not None and (why.not_found or why.timed_out) and not why.cancel_requested
