"""The workflow of a lock over its years: new histories when they grow long, its successor, and replay of old ones."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowContinuedAsNewError, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from kit.apart import apart
from kit.fleets import EVENTS_OF_A_LOCK, Fleet, result_of, state_of
from kit.harness import Box, until
from process_control.core.fleet.lock_state import LockState
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.processes import sandbox
from process_control.fleet.wire import Successor

T = TypeVar("T")
HISTORIES = Path(__file__).parent / "histories"
IS_WRITING = os.environ.get("PROCESS_CONTROL_HISTORIES") == "write"
"""Whether the histories of these tests are stored. Those of a released `Lock.v1` are never replaced: add others."""


@workflow.defn(name="Lock.v2", sandboxed=False)
class LockV2:
    """A successor that shows what it was handed."""

    @workflow.init
    def __init__(self, state: LockState) -> None:
        self._state = state

    @workflow.run
    async def run(self, _state: LockState) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.query
    def state(self) -> LockState:
        return self._state


def asked(fleet: Fleet, question: Callable[[Client], Awaitable[T]]) -> T:
    async def ask() -> T:
        return await question(await Client.connect(fleet.server.address))

    return apart(lambda: asyncio.run(ask()))


def history_of(fleet: Fleet, lock: str, run_id: str | None = None) -> str:
    """Return a history as JSON; `run_id`: not of the newest."""

    async def ask(client: Client) -> str:
        return (await client.get_workflow_handle(f"job/{lock}", run_id=run_id).fetch_history()).to_json()

    return asked(fleet, ask)


def run_of(fleet: Fleet, lock: str) -> tuple[str, int]:
    """Return the id of the newest history of a lock, and how many events it has."""

    async def ask(client: Client) -> tuple[str, int]:
        found = await client.get_workflow_handle(f"job/{lock}").describe()
        return found.run_id, found.history_length

    return asked(fleet, ask)


def store(history: str, name: str) -> None:
    if IS_WRITING:
        HISTORIES.mkdir(exist_ok=True)
        (HISTORIES / f"{name}.json").write_text(history + "\n")


def replay(history: str) -> None:
    """Have today's code carry out a history. Raises what differs."""

    def carry_out() -> None:
        found = WorkflowHistory.from_json("job/stored", history)
        asyncio.run(Replayer(workflows=[LockV1], workflow_runner=sandbox()).replay_workflow(found))

    apart(carry_out)


@pytest.mark.needs_utc
def test_a_history_that_grows_long_is_continued_when_no_run_is_in_flight_and_nothing_is_lost(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("long1")
    begun, done = box.fifo("begun"), box.fifo("done")
    box.job("lasting", f"command: sh -c 'echo begun > {begun}; read line < {done}'\nschedule: '7 3 1 1 *'")
    box.process_control("fleet", "apply")
    box.process_control("run", "lasting", "--fleet")
    begun.read_line()
    first, _ = during = run_of(fleet, "lasting")
    while during[0] == first and during[1] < EVENTS_OF_A_LOCK + 8:
        box.process_control("hold", "lasting", "--fleet", "--note", "for good")
        during = run_of(fleet, "lasting")
    done.write_line()
    until(lambda: result_of(box, "lasting"), "the end")
    until(lambda: run_of(fleet, "lasting")[0] != first, "the next history")
    state = state_of(box, "lasting")
    history = history_of(fleet, "lasting", first)

    assert during[0] == first
    assert (state["state"], state["result"], state["host"]) == ("held", "succeeded", "long1"), state
    assert state["why"].endswith(": for good")
    assert "-01-01T" in state["next"]
    store(history, "held-and-continued")
    replay(history)


def test_an_idle_lock_is_handed_over_to_the_next_type_of_workflow_with_its_state(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("next1")
    begun, done = box.fifo("begun"), box.fifo("done")
    box.job("outlived", f"command: sh -c 'echo begun > {begun}; read line < {done}'")
    box.process_control("fleet", "apply")
    box.process_control("run", "outlived", "--fleet")
    begun.read_line()
    first, _ = run_of(fleet, "outlived")

    async def hand_over(client: Client) -> LockState:
        old = client.get_workflow_handle_for(LockV1.run, "job/outlived")
        worker = Worker(
            client,
            task_queue="process-control.lock.v2",
            workflows=[LockV2],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        async with worker:
            await old.execute_update(LockV1.hand_over, Successor(workflow_type="Lock.v2", queue=worker.task_queue))
            assert (await old.describe()).run_id == first  # not while the run is in flight
            done.write_line()
            with pytest.raises(WorkflowContinuedAsNewError):
                await client.get_workflow_handle("job/outlived", run_id=first).result(follow_runs=False)
            new = client.get_workflow_handle_for(LockV2.run, "job/outlived")
            found = await new.query(LockV2.state)
            assert (await new.describe()).workflow_type == "Lock.v2"
            await new.terminate("the test is over")
            return found

    handed = asked(fleet, hand_over)
    history = history_of(fleet, "outlived", first)

    assert list(handed.jobs) == ["outlived"]
    assert [past.ended.outcome for past in handed.past] == ["succeeded"]
    store(history, "handed-over")
    replay(history)


def test_a_history_with_a_stop_and_a_rerun_is_replayed(fleet: Fleet, make_host: Callable[..., Box]) -> None:
    box = make_host("stop1")
    begun = box.fifo("begun")
    box.job("stopped", f"command: sh -c 'echo begun > {begun}; exec sleep 1000'\non_overlap: queue")
    box.process_control("fleet", "apply")
    box.process_control("run", "stopped", "--fleet")
    begun.read_line()
    box.process_control("run", "stopped", "--fleet")  # waits
    box.process_control("stop", "stopped", "--fleet")
    begun.read_line()
    box.process_control("stop", "stopped", "--fleet")
    history = history_of(fleet, "stopped")

    assert state_of(box, "stopped")["result"] == "failed"
    store(history, "queued-and-stopped")
    replay(history)


def test_a_hold_with_an_end_ends_by_itself_and_its_history_is_replayed(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("pause1")
    box.job("paused", "command: /bin/true\nschedule: '7 3 1 1 *'\ntime_zone: UTC")
    box.process_control("fleet", "apply")
    first, _ = run_of(fleet, "paused")

    async def health(client: Client) -> str:
        state = await client.get_workflow_handle_for(LockV1.run, "job/paused").query(LockV1.state)
        return str((state.jobs["paused"].health or {}).get("state"))

    held = box.process_control("hold", "paused", "--fleet", "--for", "1h", "--note", "a move", "--json")
    state = state_of(box, "paused")
    why = box.process_control("why", "paused", "--fleet", "--json").json()
    refused = box.process_control("run", "paused", "--fleet")
    released = box.process_control("release", "paused", "--fleet")
    shortly = box.process_control("pause", "paused", "--fleet", "--for", "8s")
    held_shortly = asked(fleet, health)
    until(lambda: asked(fleet, health) == "healthy", "the end of the pause")
    started = box.process_control("run", "paused", "--fleet")
    until(lambda: result_of(box, "paused"), "the end")
    history = history_of(fleet, "paused", first)

    (answer,) = held.json()["jobs"]
    assert (answer["done"], state["state"]) == ("held", "held")
    assert f"until {answer['until']}: a move" in state["why"]
    assert why["sentences"][0].endswith(f", until {answer['until']}: a move.")
    assert refused.stdout == f"paused\t\t{state['why']}\n"
    assert (released.exit_code, shortly.exit_code, held_shortly) == (0, 0, "held")
    assert started.exit_code == 0
    store(history, "paused")
    replay(history)


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_stored_histories_are_carried_out_by_the_code_of_today(path: Path) -> None:
    replay(path.read_text())


def test_there_are_stored_histories() -> None:
    assert len(list(HISTORIES.glob("*.json"))) >= 3 or IS_WRITING
