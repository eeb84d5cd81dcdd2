"""What reaches a lock at an awkward moment: a hold while it decides, a stop of a run whose host dies then."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from kit import fleets
from kit.apart import apart
from kit.fleets import LEASE, Fleet, result_of, state_of
from kit.harness import Box, until
from process_control.core.fleet import decide as core
from process_control.core.fleet.fleet_health import by_hand
from process_control.core.fleet.lock_state import Decision, Hold, JobSpec, JobState, LockState, PlannedSlots
from process_control.core.health import Event
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.processes import sandbox
from process_control.fleet.wire import DECIDE, Asked, Question, workflow_id

T = TypeVar("T")
#: A workflow task that takes longer hears meanwhile of what has come.
TASK_TIMEOUT = timedelta(seconds=1)
KNOWN_WITHIN_SECONDS = 60


def asked(fleet: Fleet, question: Callable[[Client], Awaitable[T]]) -> T:
    async def ask() -> T:
        return await question(await Client.connect(fleet.server.address))

    return apart(lambda: asyncio.run(ask()))


def with_a_pause_that_is_over(slug: str) -> LockState:
    """Return a lock whose next decision changes the health of its job."""
    now = time.time()
    planned = PlannedSlots(planned_to=int(now))
    job = JobState(spec=JobSpec(job=slug, hash="h", schedule=("7 3 1 1 *",)), generation=1, planned=planned)
    job.health = by_hand(job, Event.HELD_BY_HAND, by="ann", note=None, now=now - 60, until=now - 30)
    return LockState(lock=slug, jobs={slug: job})


def test_a_hold_that_comes_while_the_lock_decides_is_kept(fleet: Fleet) -> None:
    slug = "decides-slowly"

    async def hold_meanwhile(client: Client) -> Hold | None:
        begun, may_answer, again = asyncio.Event(), asyncio.Event(), asyncio.Event()
        holds: list[Hold] = []

        @activity.defn(name=DECIDE)
        async def decide(question: Question) -> Decision:
            begun.set()
            if held := question.state.jobs[slug].hold_at(time.time()):
                holds.append(held)
                again.set()
            await may_answer.wait()
            return core.decide(question.state, question.now, question.ended)

        worker = Worker(client, task_queue=slug, workflows=[LockV1], activities=[decide], workflow_runner=sandbox())
        async with worker:
            handle = await client.start_workflow(
                LockV1.run,
                with_a_pause_that_is_over(slug),
                id=workflow_id(slug),
                task_queue=slug,
                task_timeout=TASK_TIMEOUT,
            )
            await begun.wait()
            await handle.execute_update(LockV1.hold, Asked(job=slug, by="bob", note="a move"))
            may_answer.set()
            # The first decision is carried out, and the next one knows of the hold. On a busy host the first question
            # may come twice: the server gives a task up that takes too long.
            with suppress(TimeoutError):
                await asyncio.wait_for(again.wait(), KNOWN_WITHIN_SECONDS)
            await handle.terminate("the test is over")
            return holds[0] if holds else None

    hold = asked(fleet, hold_meanwhile)

    assert hold is not None
    assert (hold.by, hold.note) == ("bob", "a move")


def test_a_run_that_was_to_be_stopped_is_not_run_once_more_when_its_host_dies(fleet: Fleet, box: Box) -> None:
    fleet.configure(box, lease=LEASE)
    slug = "unwanted"
    begun = box.fifo("begun")
    box.job(
        slug, f"command: sh -c 'echo begun > {begun}; exec sleep 1000'\non_host_loss: rerun\nrun_on: {{host: gone1}}"
    )
    with fleets.worker(box, "gone1") as worker:
        box.process_control("fleet", "apply")
        box.process_control("run", slug, "--fleet")
        begun.read_line()
        worker.signal(signal.SIGSTOP)

        async def stop(client: Client) -> str | None:
            return await client.get_workflow_handle_for(LockV1.run, workflow_id(slug)).execute_update(
                LockV1.stop, Asked(job=slug, by="ann")
            )

        stopped = asked(fleet, stop)
        worker.signal(signal.SIGKILL)
    until(lambda: result_of(box, slug), "the verdict", seconds=30)
    state = state_of(box, slug)

    assert stopped is not None
    assert (state["result"], state["state"]) == ("lost", "idle"), state
