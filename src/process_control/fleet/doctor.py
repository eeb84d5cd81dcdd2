"""What keeps a fleet from working: server, namespace, search attribute, processes, queues, job files, clocks."""

import time
from collections import defaultdict
from collections.abc import Sequence

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.fleet.drift import drift_in_words
from process_control.core.fleet.everywhere import runs_jobs
from process_control.core.fleet.lock_state import LockState
from process_control.errors import BadConfiguration, NotPermitted, NotStarted, ProcessControlError
from process_control.fleet.ask import asked
from process_control.fleet.connection import (
    MIN_SERVER,
    RPC_TIMEOUT,
    UPGRADE,
    require_search_attribute,
    server_errors,
)
from process_control.fleet.fleet_hosts import ACTIVITIES, CONTROL, WORKER, FleetHost, hosts_of, pollers
from process_control.fleet.look import states
from process_control.fleet.tls_faults import EXPLAIN
from process_control.fleet.wire import STATE_ATTRIBUTE, activity_queue
from process_control.views.doctor.finding import BAD, OK, WARN, Finding, command_in, fine, found_or_fine

MIN_RETENTION_DAYS = 30
#: Who asks for work does so at least each minute.
MAX_UNSEEN_SECONDS = 90.0
MAX_SKEW_SECONDS = 2.0
MAX_NAMED = 5
#: What puts right that there is none.
_NAMESPACE = "temporal operator namespace"


def findings_of(settings: Settings, *, fix: bool) -> tuple[list[Finding], list[str]]:
    """Return what was found, and what `fix` has done. Raises BadConfiguration (78) where there is no fleet."""
    done: list[str] = []
    if settings.fleet_address is None:
        asked(settings, _nothing)  # says how to have a fleet
    try:
        return asked(settings, lambda client: _Doctor(client, settings, done, fix=fix).look()), done
    except ProcessControlError as error:
        return [_of_the_connection(error, settings)], done


async def _nothing(_: Client) -> None:
    return None


def _of_the_connection(error: ProcessControlError, settings: Settings) -> Finding:
    fault = error.faults[0]
    check, remedy = "server", f"temporal operator cluster health --address {settings.fleet_address}"
    if isinstance(error, NotPermitted):
        check, remedy = "permission", "process-control explain fleet"
    elif isinstance(error, BadConfiguration):
        check, remedy = "connection", EXPLAIN
        if fault.hint.startswith(_NAMESPACE):
            check, remedy = "namespace", fault.hint
    what = f"{fault.where}: {fault.what}" if fault.where.startswith("/") else fault.what
    return Finding(check=check, state=BAD, what=what, remedy=command_in(fault.hint, otherwise=remedy))


class _Doctor:
    def __init__(self, client: Client, settings: Settings, done: list[str], *, fix: bool) -> None:
        self._client = client
        self._settings = settings
        self._done = done
        self._fix = fix

    async def look(self) -> list[Finding]:
        with server_errors(self._settings):
            server = await self._server()
            found = [*server, *await self._retention(), *await self._search_attribute()]
            if any(each.state != OK for each in server):  # it cannot pass the questions on to hosts
                return found
            try:
                locks = await states(self._client, self._settings, only=runs_jobs)
            except NotStarted:  # no control process: the finding about them says so
                locks = []
            specs = [job.spec for lock in locks for job in lock.jobs.values()]
            hosts = await hosts_of(self._client, specs)
            found += [*_processes(hosts), *await self._queues(locks)]
        return [*found, *_drift(hosts, is_known=bool(locks)), *_clocks(hosts), *_versions(hosts)]

    async def _server(self) -> list[Finding]:
        answer = await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=RPC_TIMEOUT)
        return server_findings(answer.server_version, str(self._settings.fleet_address))

    async def _retention(self) -> list[Finding]:
        name = self._settings.fleet_namespace
        request = DescribeNamespaceRequest(namespace=name)
        answer = await self._client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
        days = answer.config.workflow_execution_retention_ttl.seconds / 86400
        keeps = f"namespace '{name}' keeps histories for {_count(days, 'day')}"
        if days >= MIN_RETENTION_DAYS:
            return fine("namespace", keeps)
        what = f"{keeps}: `slots --fleet` and `history --fleet` go back no further than that"
        words = f"--namespace {name} --retention {MIN_RETENTION_DAYS}d --address {self._settings.fleet_address}"
        remedy = f"temporal operator namespace update {words}"
        return [Finding(check="namespace", state=WARN, what=what, remedy=remedy)]

    async def _search_attribute(self) -> list[Finding]:
        try:
            await require_search_attribute(self._client, self._settings)
        except BadConfiguration as error:
            fault = error.faults[0]
            if not self._fix:
                remedy = "process-control fleet doctor --fix"
                return [Finding(check="search attribute", state=BAD, what=fault.what, remedy=remedy)]
            await self._register()
        return fine("search attribute", f"{STATE_ATTRIBUTE} is registered")

    async def _register(self) -> None:
        kind = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        request = AddSearchAttributesRequest(
            namespace=self._settings.fleet_namespace, search_attributes={STATE_ATTRIBUTE: kind}
        )
        await self._client.operator_service.add_search_attributes(request, timeout=RPC_TIMEOUT)
        self._done.append(f"registered the search attribute {STATE_ATTRIBUTE}")

    async def _queues(self, locks: Sequence[LockState]) -> list[Finding]:
        """Return the queues of jobs from which no worker takes runs."""
        jobs: dict[str, list[str]] = defaultdict(list)
        for lock in locks:
            for slug, job in lock.jobs.items():
                jobs[job.spec.queue].append(slug)
        found: list[Finding] = []
        for queue, slugs in sorted(jobs.items()):
            if _alive(await pollers(self._client, activity_queue(queue), ACTIVITIES, WORKER)):
                continue
            place, _, name = queue.partition("/")
            whom = f"{place} {name}" if name else "any host"
            what = f"no worker takes jobs for {whom}: {_named(slugs)} cannot run"
            remedy = f"process-control explain {'run_on' if place == 'host' else 'fleet.tags'}"
            found.append(Finding(check="queues", state=BAD, what=what, remedy=remedy))
        return found_or_fine(
            found, "queues", f"a worker takes jobs from each queue: {_named([*jobs]) or 'there is none yet'}"
        )


def server_findings(version: str, where: str) -> list[Finding]:
    """Return whether the server on `where` is new enough, by the version that it says."""
    numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdecimal())
    if len(numbers) == len(MIN_SERVER) and numbers < MIN_SERVER:
        least = ".".join(map(str, MIN_SERVER))
        what = f"the server on {where} is {version}: `logs --fleet` and `fleet hosts` need {least}"
        return [Finding(check="server", state=WARN, what=what, remedy=UPGRADE)]
    return fine("server", f"the server on {where} answers, version {version or 'unknown'}")


def _alive(found: Sequence[FleetHost]) -> list[FleetHost]:
    return [each for each in found if time.time() - each.last_seen < MAX_UNSEEN_SECONDS]


def _processes(hosts: Sequence[FleetHost]) -> list[Finding]:
    controls = [each for each in _alive(hosts) if each.kind == CONTROL]
    workers = [each for each in hosts if each.kind == WORKER]
    found: list[Finding] = []
    if not controls:
        what = "no control process is running: nothing is decided, so no job is started"
        found.append(Finding(check="control", state=BAD, what=what, remedy="process-control fleet control"))
    elif len({each.name for each in controls}) == 1:
        what = f"control processes run on {controls[0].name} only: when that host dies, nothing is decided"
        found.append(Finding(check="control", state=WARN, what=what, remedy="process-control fleet control"))
    else:
        found += fine("control", f"{_count(len(controls), 'control process', 'es')} on several hosts")
    if not workers:
        what = "no worker is connected: no job can run"
        return [*found, Finding(check="workers", state=BAD, what=what, remedy="process-control fleet worker")]
    silent = sorted({each.name for each in workers} - {each.name for each in workers if each.report is not None})
    for name in silent:
        what = f"the worker on {name} was seen in the last minutes, and does not answer"
        found.append(Finding(check="workers", state=WARN, what=what, remedy="process-control fleet hosts"))
    return found if silent else [*found, *fine("workers", f"{_count(len(workers), 'worker')}: all answer")]


def _drift(hosts: Sequence[FleetHost], *, is_known: bool) -> list[Finding]:
    found = [
        Finding(
            check="drift",
            state=BAD,
            what=f"job files on {host.name} are not those that were applied, and it refuses to run them: "
            f"{drift_in_words(host.drift, MAX_NAMED)}",
            remedy="process-control fleet apply --dry-run",
        )
        for host in hosts
        if host.drift
    ]
    return found_or_fine(found, "drift", "all hosts have the applied job files") if is_known else found


def _clocks(hosts: Sequence[FleetHost]) -> list[Finding]:
    found = []
    for host in hosts:
        ahead = 0.0 if host.report is None else host.report.clock_ahead_seconds
        if abs(ahead) >= MAX_SKEW_SECONDS:
            what = (
                f"the clock of {host.name} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
            )
            found.append(Finding(check="clock", state=WARN, what=what, remedy=f"ssh {host.name} timedatectl"))
    return found_or_fine(found, "clock", "the clocks of all hosts agree with the server's")


def _versions(hosts: Sequence[FleetHost]) -> list[Finding]:
    by_version: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        if host.report is not None:
            by_version[host.report.version].append(host.name)
    if len(by_version) < 2:
        return []
    what = "; ".join(f"{version} on {_named(names)}" for version, names in sorted(by_version.items()))
    return [Finding(check="versions", state=WARN, what=f"hosts differ: {what}", remedy="process-control fleet hosts")]


def _count(number: float, what: str, plural: str = "s") -> str:
    return f"{number:g} {what}{'' if number == 1 else plural}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(sorted(names)[:MAX_NAMED])}{more}"
