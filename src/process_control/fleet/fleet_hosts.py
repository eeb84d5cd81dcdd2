"""The processes of the fleet by host: what the server has heard of them, and what they say of themselves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.fleet.drift import Drift, drift_of
from process_control.core.fleet.everywhere import runs_jobs
from process_control.core.fleet.lock_state import JobSpec
from process_control.errors import NotStarted
from process_control.fleet.ask import AT_ONCE, asked
from process_control.fleet.connection import RPC_TIMEOUT, server_errors
from process_control.fleet.hosts_asked import ask_how_it_is
from process_control.fleet.look import states
from process_control.fleet.wire import CONTROL_QUEUE, HostReport, activity_queue
from process_control.system.clock import iso

WORKFLOWS, ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
CONTROL, WORKER = "control", "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """A worker or a control process that the server has heard of in the last minutes."""

    name: str
    pid: str
    #: UTC seconds
    last_seen: float
    kind: str
    #: what a worker says; None: it does not answer, or is a control process
    report: HostReport | None = None
    drift: Sequence[Drift] = ()

    def to_json(self) -> dict[str, object]:
        report = self.report
        return {
            "host": self.name,
            "kind": self.kind,
            "pid": self.pid,
            "last_seen": iso(self.last_seen),
            "answers": None if self.kind == CONTROL else report is not None,
            "version": None if report is None else report.version,
            "commit": None if report is None else report.commit,
            "dirty": None if report is None else report.is_dirty,
            "clock_ahead_seconds": None if report is None else report.clock_ahead_seconds,
            "tags": [] if report is None else list(report.tags),
            "drift": [each.to_json() for each in self.drift],
        }


def hosts(settings: Settings) -> list[FleetHost]:
    """Return the processes that ask the server for work, by host, with what the workers say of themselves."""

    async def ask(client: Client) -> list[FleetHost]:
        try:
            specs = [
                job.spec for state in await states(client, settings, only=runs_jobs) for job in state.jobs.values()
            ]
        except NotStarted:  # no control process answers: which files were applied is not known
            specs = []
        with server_errors(settings):
            return await hosts_of(client, specs)

    return asked(settings, ask)


async def hosts_of(client: Client, applied: Sequence[JobSpec]) -> list[FleetHost]:
    """Return the same. Raises RPCError."""
    found = [
        *await pollers(client, CONTROL_QUEUE, WORKFLOWS, CONTROL),
        *await pollers(client, activity_queue("any"), ACTIVITIES, WORKER),
    ]
    limit = asyncio.Semaphore(AT_ONCE)

    async def report(host: str) -> HostReport | None:
        async with limit:
            return await ask_how_it_is(client, host)

    names = sorted({each.name for each in found if each.kind == WORKER})
    reports = dict(zip(names, await asyncio.gather(*map(report, names)), strict=True))
    reported = [_with(each, reports[each.name], applied) if each.kind == WORKER else each for each in found]
    return sorted(reported, key=lambda each: (each.name, each.kind, each.pid))


def _with(host: FleetHost, report: HostReport | None, applied: Sequence[JobSpec]) -> FleetHost:
    drift = [] if report is None else drift_of(host.name, report.tags, report.hashes, applied)
    return FleetHost(name=host.name, pid=host.pid, last_seen=host.last_seen, kind=host.kind, report=report, drift=drift)


def pollers_of(settings: Settings, queue: str) -> list[str]:
    """Return the hosts that have lately asked for runs of a queue: of `any`, `host/NAME` or `tag/NAME`."""

    async def ask(client: Client) -> list[FleetHost]:
        with server_errors(settings):
            return await pollers(client, activity_queue(queue), ACTIVITIES, WORKER)

    return sorted({host.name for host in asked(settings, ask)})


async def pollers(client: Client, queue: str, queue_type: "TaskQueueType.ValueType", kind: str) -> list[FleetHost]:
    """Return the processes that have lately asked for work on a queue. Raises RPCError."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=queue_type
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    found: dict[str, FleetHost] = {}
    for poller in answer.pollers:
        name, _, pid = poller.identity.rpartition("@")
        seen = poller.last_access_time.ToNanoseconds() / 1e9
        found[poller.identity] = FleetHost(name=name, pid=pid, last_seen=seen, kind=kind)
    return list(found.values())
