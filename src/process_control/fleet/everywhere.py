"""Jobs with `run_on: all`: which hosts there are, and how a host that comes takes its part."""

import asyncio
import time
from collections.abc import Callable

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from process_control.config.settings import Settings
from process_control.core.fleet.everywhere import TEMPLATE, base_of, host_of, lock_on, on_host
from process_control.core.fleet.lock_state import LockState
from process_control.core.fleet.membership import ALL
from process_control.core.job import Job
from process_control.errors import JobNotFound, NotStarted, ProcessControlError
from process_control.fleet.ask import of_lock
from process_control.fleet.connection import RPC_TIMEOUT, server_errors
from process_control.fleet.hand_over import hand_over
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.look import states
from process_control.fleet.server_watch import ServerWatch
from process_control.fleet.updates import send
from process_control.fleet.wire import Asked, activity_queue

#: A worker looks when it has begun, soon after (lists of the server lag), and then from time to time.
LOOK_AFTER_SECONDS = (0.0, 30.0, 600.0)


async def working_hosts(client: Client) -> set[str]:
    """Return the hosts whose worker the server has heard of in the last five minutes."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=activity_queue("any")),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    return {poller.identity.rpartition("@")[0] for poller in answer.pollers}


async def take_part(
    client: Client, settings: Settings, host: str, watch: ServerWatch, say: Callable[[str], None]
) -> None:
    """Give this host the jobs of all hosts; look again from time to time, as other hosts apply new ones.

    That the server is away is for `watch` to say.
    """
    waits = iter(LOOK_AFTER_SECONDS)
    seconds = next(waits)
    while True:
        await asyncio.sleep(seconds)
        seconds = next(waits, LOOK_AFTER_SECONDS[-1])
        try:
            taken = await take_over(client, settings, host)
        except (ProcessControlError, RPCError, RuntimeError) as error:
            if await watch.answers():
                say(f"cannot take over the jobs of all hosts, tries again: {error}")
            continue
        if taken:
            say(f"runs here, as on all hosts: {', '.join(taken)}")


async def take_over(client: Client, settings: Settings, host: str) -> list[str]:
    """Give a host the jobs of all hosts that it does not have; return them, sorted."""
    locks = {
        state.lock: state
        for state in await states(client, settings, only=lambda lock: host_of(lock) in (TEMPLATE, host))
    }
    taken = []
    for lock, state in locks.items():
        if host_of(lock) != TEMPLATE:
            continue
        own = lock_on(base_of(lock), host)
        for slug, job in state.jobs.items():
            spec = on_host(job.spec, host)
            if _has(locks.get(own), slug):
                continue
            with server_errors(settings, slug):
                await hand_over(client, own, spec, job.generation)
                hold = job.hold_at(time.time())
                if hold is not None:
                    left = None if hold.until is None else hold.until - time.time()
                    asked = Asked(job=slug, by=hold.by, note=hold.note, seconds=left)
                    await send(of_lock(client, own), LockV1.hold, asked)
            taken.append(slug)
    return sorted(taken)


def _has(state: LockState | None, slug: str) -> bool:
    return state is not None and slug in state.jobs


async def locks_of(client: Client, settings: Settings, job: Job, *, template: bool = False) -> list[str]:
    """Return the locks in which a job is: one, or with `run_on: all` that of each host, and the `template`.

    Raises JobNotFound (66), NotStarted (75).
    """
    if job.run_on != ALL:
        return [job.lock]
    found = await states(client, settings, only=lambda lock: host_of(lock) is not None and base_of(lock) == job.lock)
    locks = [state.lock for state in found if job.slug in state.jobs]
    if not locks:
        raise JobNotFound(f"the fleet has no job '{job.slug}'", where=job.slug, hint="process-control fleet apply")
    if not template and not (locks := [lock for lock in locks if host_of(lock) != TEMPLATE]):
        raise NotStarted(
            "it runs on each host, and none has come yet", where=job.slug, hint="process-control fleet worker"
        )
    return locks
