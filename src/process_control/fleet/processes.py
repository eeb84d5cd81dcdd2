"""The two processes of the fleet: `fleet control` asks the core for all locks, `fleet worker` runs jobs on its host."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.fleet import decide as core
from process_control.core.fleet.lock_state import Decision
from process_control.errors import FINE
from process_control.fleet.connection import address_of, connect, require_search_attribute
from process_control.fleet.host_answers import HostAnswers
from process_control.fleet.host_runs import HostRuns
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.wire import CONTROL_QUEUE, DECIDE, Question, activity_queue
from process_control.state.block import Identity
from process_control.system import directories

#: A control process that died keeps its workflows for so long: others take them over then.
STICKY_SECONDS = 2.0
#: A worker that is asked to end waits so long for its runs.
MAX_DRAIN = timedelta(days=3650)
Say = Callable[[str], None]


@activity.defn(name=DECIDE)
async def decide(question: Question) -> Decision:
    """Ask the core what a lock does now."""
    return core.decide(question.state, question.now)


def sandbox() -> SandboxedWorkflowRunner:
    """Return what runs workflows. Our own modules, loaded again for each of them, would cost memory."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("process_control"))


def run_control(settings: Settings, say: Say) -> NoReturn:
    """Serve the workflows of all locks until TERM or INT. Raises the errors of the connection."""
    _run_and_exit(_control(settings, say))


def run_worker(settings: Settings, say: Say, *, host: str, identity: Identity) -> NoReturn:
    """Run jobs on this host until TERM or INT; then wait for them. Raises the errors of the connection.

    `host`: what this host is called in the fleet. Call it as the service user; `identity` was made before.
    """
    _run_and_exit(_worker(settings, say, host, identity))


async def _control(settings: Settings, say: Say) -> int:
    client = await connect(settings)
    await require_search_attribute(client, settings)
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[LockV1],
        activities=[decide],
        workflow_runner=sandbox(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
    )
    say(f"control of the fleet on {address_of(settings)}, namespace {settings.fleet_namespace}")
    await _serve([worker], say)
    return FINE


async def _worker(settings: Settings, say: Say, host: str, identity: Identity) -> int:
    directories.ensure([(layout.fleet(settings.state_directory), 0o700)])
    client = await connect(settings, host=host)
    runs = HostRuns(client, settings, host=host, identity=identity)
    answers = HostAnswers(settings, host=host)
    queues = ["any", f"host/{host}", *(f"tag/{tag}" for tag in settings.fleet_tags)]
    workers = [_worker_of(client, queue, runs, answers) for queue in queues]
    say(f"worker {host} of the fleet on {address_of(settings)}: takes runs for {', '.join(queues)}")
    await _serve(workers, say)
    return FINE


def _worker_of(client: Client, queue: str, runs: HostRuns, answers: HostAnswers) -> Worker:
    return Worker(
        client,
        task_queue=activity_queue(queue),
        activities=[runs.run, answers.log, answers.look],
        max_concurrent_activity_task_polls=2,
        graceful_shutdown_timeout=MAX_DRAIN,
        default_heartbeat_throttle_interval=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
    )


async def _serve(workers: Sequence[Worker], say: Say) -> None:
    """Poll until TERM or INT, then take nothing more and wait for what is in progress. Raises what ends a worker."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        await ending.wait()
        say("ending: takes nothing more, and waits for what is in progress")
    say("ended")


def _run_and_exit(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run it and end the process at once: the library has crashed at the interpreter's exit, after all was done."""
    code = asyncio.run(main)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
