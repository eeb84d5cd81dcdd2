"""What the server's histories of a lock say: all its runs and fates, for as long as the namespace keeps them.

The state of a lock has only the last ones. The history of a lock is in parts: it begins anew when it has become long.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, TypeVar

from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from process_control.core.facts import LOST
from process_control.core.fleet.books import HistoryPart
from process_control.core.fleet.lock_state import Decision, Ended, LockState, PastRun
from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.wire import DECIDE, RUN, Order, workflow_id

T = TypeVar("T")
_MARKER = "core_local_activity"


async def parts_since(client: Client, lock: str, since: float) -> list[HistoryPart]:
    """Return the parts of the history of a lock back to a moment, oldest first."""
    found: list[HistoryPart] = []
    async for part in parts_of(client, lock):
        found.insert(0, part)
        if part.began <= since:
            break
    return found


async def parts_of(client: Client, lock: str) -> AsyncIterator[HistoryPart]:
    """Yield the parts of the history of a lock that the server still has, the newest first."""
    query = f"WorkflowId = '{workflow_id(lock)}'"
    found = [each async for each in client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)]
    for each in sorted(found, key=lambda each: each.start_time, reverse=True):
        events = client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history_events(rpc_timeout=RPC_TIMEOUT)
        part = await _Reader(client).part(events)
        if part is not None:
            yield part


class _Reader:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._orders: dict[int, tuple[float, Order]] = {}
        #: by the same event: who has taken it
        self._hosts: dict[int, str] = {}

    async def part(self, events: AsyncIterator[HistoryEvent]) -> HistoryPart | None:
        found: HistoryPart | None = None
        async for event in events:
            at = event.event_time.ToNanoseconds() / 1e9
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                state = await self._first(event.workflow_execution_started_event_attributes.input, LockState)
                found = HistoryPart(began=at, state=state)
            elif found is not None:
                await self._take(found, event, at)
        return found

    async def _take(self, part: HistoryPart, event: HistoryEvent, at: float) -> None:
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            await self._take_decision(part, event)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name == RUN:
                self._orders[event.event_id] = (at, await self._first(scheduled.input, Order))
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            self._hosts[started.scheduled_event_id] = started.identity.rpartition("@")[0]
        else:
            await self._take_end(part, event, at)

    async def _take_decision(self, part: HistoryPart, event: HistoryEvent) -> None:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name != _MARKER or "result" not in marker.details:
            return
        what = json.loads(marker.details["data"].payloads[0].data)
        if what.get("activity_type") != DECIDE:
            return
        decision = await self._first(marker.details["result"], Decision)
        for slug, fates in decision.fates.items():
            part.fates.setdefault(slug, []).extend(fates)

    async def _take_end(self, part: HistoryPart, event: HistoryEvent, at: float) -> None:
        attributes: Any = getattr(event, str(event.WhichOneof("attributes")))
        number = attributes.scheduled_event_id if event.event_type in _ENDS else 0
        order = self._orders.pop(number, None)
        if order is None:
            return
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            ended = await self._first(attributes.result, Ended)
        else:
            ended = await self._of_a_lost_host(_without_result(event), event, self._hosts.get(number))
        past = PastRun(start=order[1].start, since=order[0], until=at, ended=ended)
        part.runs.append(past)

    async def _of_a_lost_host(self, ended: Ended, event: HistoryEvent, host: str | None) -> Ended:
        """Return the end of a run with what its last sign of life says: where it was, and its id there."""
        if ended.outcome != LOST or event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            return ended
        timed_out = event.activity_task_timed_out_event_attributes.failure.timeout_failure_info
        beats = timed_out.last_heartbeat_details.payloads
        decoded = await self._client.data_converter.decode(beats, [str]) if beats else []
        return replace(ended, host=host, host_run_id=decoded[0] if decoded else None)

    async def _first(self, payloads: Any, kind: type[T]) -> T:
        (value,) = await self._client.data_converter.decode(payloads.payloads[:1], [kind])
        return value  # type: ignore[no-any-return]  # it is of that kind


_ENDS = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
)


def _without_result(event: HistoryEvent) -> Ended:
    """Return how a run went of which no host has reported an end, as the lock has taken it."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return Ended(fate="skipped", reason="stopped", detail="it was stopped before a host had taken it")
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
        failure = event.activity_task_failed_event_attributes.failure
        return Ended(fate="ran", outcome=LOST, reason="runner_killed", detail=failure.message)
    failure = event.activity_task_timed_out_event_attributes.failure
    if failure.timeout_failure_info.timeout_type == TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START:
        return Ended(fate="missed", reason="no_worker", detail="no host of the fleet has taken it in time")
    return Ended(fate="ran", outcome=LOST, reason="host_down", detail="its host was not heard of any more")
