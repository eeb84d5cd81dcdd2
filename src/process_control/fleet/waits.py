"""Has the lock of a run in flight hear whether the run has begun on its host, or still waits there for a place.

Only with `on_overlap: replace`: a start beside one that waits is skipped, as on one host; a run would be replaced.
"""

import asyncio
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError

from process_control.fleet.beats import BEAT_TIMEOUT_SECONDS
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.wire import Order, Waiting
from process_control.state import places
from process_control.state.block import Identity


class Waits:
    """The run of the activity that makes it. `host_run_id`: its id in the history of this host."""

    def __init__(
        self, client: Client, order: Order, host_run_id: str, *, run_directory: str, identity: Identity
    ) -> None:
        self._handle = client.get_workflow_handle_for(LockV1.run, activity.info().workflow_id or "")
        self._order = order
        self._host_run_id = host_run_id
        self._run_directory = run_directory
        self._identity = identity
        self._reported = False

    async def report(self) -> None:
        """Report it when it has changed. While the server is away, the next call does."""
        if self._order.on_overlap != "replace":
            return
        job = self._order.start.job
        note = await asyncio.to_thread(places.waiting_start, self._run_directory, job, self._identity)
        is_waiting = note is not None and note.get("run_id") == self._host_run_id
        if is_waiting == self._reported:
            return
        waiting = Waiting(run_id=self._order.start.run_id, is_waiting=is_waiting)
        try:
            await self._handle.signal(LockV1.waits, waiting, rpc_timeout=timedelta(seconds=BEAT_TIMEOUT_SECONDS))
        except (RPCError, RPCTimeoutOrCancelledError):
            return
        self._reported = is_waiting
