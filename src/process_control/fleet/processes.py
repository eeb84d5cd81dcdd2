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
from temporalio.runtime import Runtime
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from process_control.config.settings import Settings
from process_control.core.fleet import decide as core
from process_control.core.fleet.lock_state import Decision
from process_control.errors import FINE
from process_control.fleet import left_over
from process_control.fleet.connection import address_of, connect, require_search_attribute, worker_errors
from process_control.fleet.everywhere import take_part
from process_control.fleet.host_answers import HostAnswers
from process_control.fleet.host_runs import HostRuns
from process_control.fleet.library_log import runtime_that_says
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.missed_notices import MissedNotices
from process_control.fleet.recovered import OpenJobs, end_missed, end_recovered
from process_control.fleet.server_watch import ServerWatch
from process_control.fleet.wire import CONTROL_QUEUE, DECIDE, Question, activity_queue
from process_control.state.block import Identity
from process_control.system.service_manager import ServiceManager

#: A control process that died keeps its workflows for so long: others take them over then.
STICKY_SECONDS = 2.0
#: A worker that is asked to end waits so long for its runs.
MAX_DRAIN = timedelta(days=3650)
Say = Callable[[str], None]


class Decisions:
    """The activity `decide`. `notices`: what notifies people of planned times that come to nothing."""

    def __init__(self, notices: MissedNotices) -> None:
        self._notices = notices

    @activity.defn(name=DECIDE)
    async def decide(self, question: Question) -> Decision:
        """Ask the core what a lock does now. When this process dies before that is recorded, another one is asked."""
        decision = core.decide(question.state, question.now, question.ended)
        await self._notices.post(question, decision)
        return decision


def sandbox() -> SandboxedWorkflowRunner:
    """Return what runs workflows. Our own modules, loaded again for each of them, would cost memory."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("process_control"))


def run_control(settings: Settings, say: Say) -> NoReturn:
    """Serve the workflows of all locks until TERM or INT. Raises the errors of the connection."""
    runtime = runtime_that_says(say)
    _run_and_exit(_control(settings, say, runtime))


def run_worker(
    settings: Settings, say: Say, *, host: str, identity: Identity, drain_seconds: float | None = None
) -> NoReturn:
    """Run jobs on this host until TERM or INT; then wait for them, and stop them when that takes `drain_seconds`.

    `host`: what this host is called in the fleet. Call it as the service user; `identity` was made before. Raises the
    errors of the connection, and NotStarted (75) when another worker has the state directory.
    """
    left_over.be_the_only_worker(settings.state_directory)
    left_over.remove(settings.state_directory)
    runtime = runtime_that_says(say)
    _run_and_exit(_worker(settings, say, runtime, host, identity, drain_seconds))


async def _control(settings: Settings, say: Say, runtime: Runtime) -> int:
    client = await connect(settings, runtime=runtime)
    await require_search_attribute(client, settings)
    jobs = OpenJobs()
    notices = MissedNotices(settings, jobs, say)
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[LockV1],
        activities=[Decisions(notices).decide],
        workflow_runner=sandbox(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
    )
    say(f"control of the fleet on {address_of(settings)}, namespace {settings.fleet_namespace}")
    watch = ServerWatch(client, settings, say, who="control", meanwhile="nothing is decided until it is back")
    with worker_errors(settings):
        beside = end_missed(client, settings, jobs, watch, say)
        await _serve([worker], say, lambda: 0, None, watch=watch, beside=beside)
    await notices.deliver()
    return FINE


async def _worker(
    settings: Settings, say: Say, runtime: Runtime, host: str, identity: Identity, drain_seconds: float | None
) -> int:
    client = await connect(settings, host=host, runtime=runtime)
    runs = HostRuns(client, settings, host=host, identity=identity)
    answers = HostAnswers(settings, host=host)
    queues = ["any", f"host/{host}", *(f"tag/{tag}" for tag in settings.fleet_tags)]
    workers = [_worker_of(client, queue, runs, answers) for queue in queues]
    say(f"worker {host} of the fleet on {address_of(settings)}: takes runs for {', '.join(queues)}")
    meanwhile = f"runs in progress end after the lease of {settings.fleet_lease_seconds:g} s unless it comes back"
    watch = ServerWatch(client, settings, say, who=f"worker {host}", meanwhile=meanwhile)
    beside = _both(take_part(client, settings, host, watch, say), end_recovered(client, settings, host, watch, say))
    with worker_errors(settings):
        await _serve(workers, say, runs.stop_all, drain_seconds, watch=watch, beside=beside)
    return FINE


async def _both(first: Coroutine[Any, Any, None], second: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(first, second)


def _worker_of(client: Client, queue: str, runs: HostRuns, answers: HostAnswers) -> Worker:
    return Worker(
        client,
        task_queue=activity_queue(queue),
        activities=[runs.run, answers.log, answers.look],
        max_concurrent_activity_task_polls=2,
        graceful_shutdown_timeout=MAX_DRAIN,
    )


class _Ending:
    """TERM and INT: the first one ends the process when its runs have ended, the second one ends those, too."""

    def __init__(self) -> None:
        self.first, self.second = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._take)

    async def is_over(self, drains: Sequence[asyncio.Task[None]], seconds: float | None) -> bool:
        """Wait for all drains; return False when `seconds` have passed, or the second signal has come, before."""
        again = asyncio.create_task(self.second.wait())
        drained = asyncio.create_task(_all_of(drains))
        await asyncio.wait([drained, again], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        return drained.done()

    def _take(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def _serve(
    workers: Sequence[Worker],
    say: Say,
    stop_all: Callable[[], int],
    drain_seconds: float | None,
    *,
    watch: ServerWatch,
    beside: Coroutine[Any, Any, None] | None = None,
) -> None:
    """Poll until TERM or INT, then take nothing more and wait for what is in progress. Raises what ends a worker.

    `stop_all` stops what is in progress: after `drain_seconds`, or when TERM or INT come again. `beside`: what is done
    until the first signal.
    """
    ending, manager = _Ending(), ServiceManager()
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        looking = [asyncio.create_task(_feed(manager)), asyncio.create_task(watch.look_on())]
        other = None if beside is None else asyncio.create_task(beside)
        manager.notify("READY=1\nSTATUS=takes runs")
        await ending.first.wait()
        if other is not None:
            other.cancel()
        manager.notify("STOPPING=1\nSTATUS=draining")
        say("ending: takes nothing more, and waits for what is in progress")
        # All at once: a queue that is left for later would be asked for more.
        drains = [asyncio.create_task(worker.shutdown()) for worker in workers]
        if not await ending.is_over(drains, drain_seconds):
            count = stop_all()
            say(f"stops {count} run{'' if count == 1 else 's'}")
        await asyncio.wait(drains)
        for task in looking:
            task.cancel()
    say("ended")


async def _all_of(tasks: Sequence[asyncio.Task[None]]) -> bool:
    await asyncio.wait(tasks)
    return True


async def _feed(manager: ServiceManager) -> None:
    """Show the service manager that we are not stuck, as often as it wants to see it."""
    every = manager.watchdog_seconds
    while every is not None:
        manager.notify("WATCHDOG=1")
        await asyncio.sleep(every / 3)


def _run_and_exit(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run it and end the process at once: the library has crashed at the interpreter's exit, after all was done."""
    code = asyncio.run(main)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
