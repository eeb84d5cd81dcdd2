"""A signal comes in just as a lock ends, or begins a new history: the server drops the task, with the update in it.

The lock is a real one, on a queue of its own; the test decides for it, and sends the signal at that very moment.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from kit.apart import apart
from kit.fleets import EVENTS_OF_A_LOCK, Fleet
from kit.installation import PROJECT
from process_control.core.fleet import decide as core
from process_control.core.fleet.lock_state import Decision, JobSpec, JobState, LockState, PlannedSlots
from process_control.fleet.hand_over import take_back
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.payloads import DATA_CONVERTER
from process_control.fleet.processes import sandbox
from process_control.fleet.updates import PAUSES_SECONDS, send, sent_again
from process_control.fleet.wire import DECIDE, Asked, Question, Waiting, workflow_id

Handle = WorkflowHandle[LockV1, None]
JOB = "dropped"
ASKED = Asked(job=JOB, by="ann@db1")
NOBODY_WAITS = Waiting(run_id="of-nobody", is_waiting=True)
DROPPED = RPCError(
    "Unable to perform workflow execution update due to unexpected workflow task failure.",
    RPCStatusCode.FAILED_PRECONDITION,
    b"",
)


async def during(address: str, do: Callable[[Client, Handle], Awaitable[None]], *, signals_before: int = 0) -> int:
    """Do it with a lock that gets a signal as it decides after that; return how many tasks the server has dropped."""
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    asked = 0

    @activity.defn(name=DECIDE)
    async def decide(question: Question) -> Decision:
        nonlocal asked
        asked += 1
        if asked == 2:
            await handle.signal(LockV1.waits, NOBODY_WAITS)
        return core.decide(question.state, question.now, question.ended)

    queue = f"of-the-test-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[LockV1], activities=[decide], workflow_runner=sandbox()):
        spec = JobSpec(job=JOB, hash="0" * 12)
        jobs = {JOB: JobState(spec=spec, generation=1, planned=PlannedSlots(planned_to=0))}
        state = LockState(lock=JOB, jobs=jobs)
        handle = await client.start_workflow(
            LockV1.run,
            state,
            id=workflow_id(JOB),
            task_queue=queue,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )
        first = client.get_workflow_handle_for(LockV1.run, workflow_id(JOB), run_id=handle.first_execution_run_id)
        for _ in range(signals_before):
            await handle.signal(LockV1.waits, NOBODY_WAITS)
        await handle.query(LockV1.state)
        await do(client, client.get_workflow_handle_for(LockV1.run, workflow_id(JOB)))
        events = (await first.fetch_history()).events
    failed = [each for each in events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
    cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    return [each.workflow_task_failed_event_attributes.cause for each in failed].count(cause)


def test_a_signal_as_the_lock_ends_keeps_no_job_from_being_removed(fleet: Fleet) -> None:
    async def remove(client: Client, handle: Handle) -> None:
        await take_back(client, JOB, ASKED)
        await handle.result()

    assert apart(lambda: asyncio.run(during(fleet.server.address, remove))) == 1


def test_a_signal_as_the_lock_begins_a_new_history_keeps_no_job_from_being_held(fleet: Fleet) -> None:
    async def hold(client: Client, handle: Handle) -> None:
        held = await send(handle, LockV1.hold, ASKED)
        state = await handle.query(LockV1.state)
        await handle.terminate()
        assert held is not None
        assert held.by == ASKED.by
        assert state.jobs[JOB].hold_at(held.since) == held

    answer = apart(lambda: asyncio.run(during(fleet.server.address, hold, signals_before=EVENTS_OF_A_LOCK)))
    assert answer == 1


@pytest.mark.parametrize(
    ("error", "calls"),
    [(DROPPED, len(PAUSES_SECONDS) + 1), (RPCError("not active", RPCStatusCode.FAILED_PRECONDITION, b""), 1)],
    ids=["dropped-each-time", "another-refusal"],
)
def test_what_is_dropped_each_time_or_refused_for_another_reason_is_an_error(error: RPCError, calls: int) -> None:
    called = []

    async def call() -> None:
        called.append(error)
        raise error

    with pytest.raises(RPCError) as raised:
        asyncio.run(sent_again(call))

    assert (raised.value, len(called)) == (error, calls)


def test_each_update_of_the_product_is_sent_again() -> None:
    sources = (PROJECT / "src/process_control").rglob("*.py")

    assert {path.name for path in sources if "execute_update" in path.read_text()} == {"updates.py", "hand_over.py"}
