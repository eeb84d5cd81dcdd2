"""The connection to the Temporal server, and what its errors mean for people."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, JobNotFound, NotPermitted, NotStarted, ProcessControlError
from process_control.fleet.credentials import api_key_of, cause_of, masked, tls_of
from process_control.fleet.library_log import silent_runtime
from process_control.fleet.payloads import DATA_CONVERTER
from process_control.fleet.tls_faults import tls_fault
from process_control.fleet.wire import NO_SUCH_JOB, STATE_ATTRIBUTE

#: How long an answer of the server may take.
RPC_TIMEOUT = timedelta(seconds=10)
#: The first version that hands a question to a host without a workflow.
MIN_SERVER = (1, 31)
UPGRADE = "process-control help fleet-in-production"
_REFUSED = re.compile(r"\b(PermissionDenied|Unauthenticated)\b|does not have permission|authentication credentials")
_TOO_LATE = re.compile(r"\b(Timeout expired|DeadlineExceeded)\b|timed out", re.IGNORECASE)
#: What a call is answered with by a server that is away.
AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


class NoAnswerInTime(NotStarted):
    """Server, control process or host have not answered within the time that they have."""


def address_of(settings: Settings) -> str:
    """Return the address of the server. Raises BadConfiguration (78) where there is no fleet."""
    if settings.fleet_address is None:
        raise BadConfiguration(
            "the configuration has no fleet.address: there is no fleet",
            where=settings.path or "",
            hint="add fleet: {address: HOST:7233}; to try it on this host: process-control up --fleet",
        )
    return settings.fleet_address


async def connect(settings: Settings, *, host: str | None = None, runtime: Runtime | None = None) -> Client:
    """Return a client of the fleet's server. `host`: what this host is called in the fleet; `runtime`: with its log.

    Raises NotStarted (75) when it does not answer, BadConfiguration (78) when its namespace is missing, or certificates
    are wrong, NotPermitted (77) when it does not let us in, or a file may not be read.
    """
    address, tls, key = address_of(settings), tls_of(settings), api_key_of(settings)
    try:
        client = await Client.connect(
            address,
            namespace=settings.fleet_namespace,
            tls=tls,
            api_key=key,
            data_converter=DATA_CONVERTER,
            identity=f"{host or os.uname().nodename}@{os.getpid()}",
            runtime=runtime or silent_runtime(),
        )
    except RuntimeError as error:  # the client of the library says no more
        raise _not_connected(str(error), address, settings) from cause_of(error, settings)
    with server_errors(settings):
        request = DescribeNamespaceRequest(namespace=settings.fleet_namespace)
        await client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
    return client


@contextmanager
def worker_errors(settings: Settings) -> Iterator[None]:
    """Raise as an error of ours, such as NotStarted (75), that the server was lost just when a worker began."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("Worker validation failed"):
            raise
        raise _not_connected(str(error), address_of(settings), settings) from cause_of(error, settings)


def _not_connected(words: str, address: str, settings: Settings) -> ProcessControlError:
    if _REFUSED.search(words):
        return _not_permitted(masked(_first_line(words), settings), address)
    kind = NoAnswerInTime if _TOO_LATE.search(words) else NotStarted
    return tls_fault(words, address, settings) or kind(
        f"the Temporal server does not answer: {masked(_first_line(words), settings)}",
        where=address,
        hint="is it running, and is fleet.address right? to try the fleet on this host: process-control up --fleet",
    )


async def require_search_attribute(client: Client, settings: Settings) -> None:
    """Raise BadConfiguration (78) when the search attribute of the fleet is not registered in the namespace."""
    request = ListSearchAttributesRequest(namespace=settings.fleet_namespace)
    with server_errors(settings):
        answer = await client.operator_service.list_search_attributes(request, timeout=RPC_TIMEOUT)
    if answer.custom_attributes.get(STATE_ATTRIBUTE) != IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD:
        command = f"temporal operator search-attribute create --name {STATE_ATTRIBUTE} --type Keyword"
        raise BadConfiguration(
            f"the search attribute {STATE_ATTRIBUTE} is not registered on the server",
            where=address_of(settings),
            hint=f"{command} --namespace {settings.fleet_namespace} --address {settings.fleet_address}",
        )


@contextmanager
def server_errors(settings: Settings, job: str = "") -> Iterator[None]:
    """Raise what the server answers as an error of ours. `job`: whom it is about."""
    try:
        yield
    except WorkflowUpdateFailedError as error:
        raise _of_an_update(error.cause, job) from error
    except RPCTimeoutOrCancelledError as error:
        where = settings.fleet_address or ""
        raise NoAnswerInTime("server and control processes have not answered in time", where=where) from error
    except RPCError as error:
        raise _of_a_call(error, settings, job) from cause_of(error, settings)


def _of_an_update(cause: BaseException | None, job: str) -> ProcessControlError:
    kind = cause.type if isinstance(cause, ApplicationError) else None
    words = cause.message if isinstance(cause, ApplicationError) else str(cause)
    if kind == NO_SUCH_JOB:
        return JobNotFound(words, where=job, hint="process-control fleet apply")
    return NotStarted(words, where=job)


def _of_a_call(error: RPCError, settings: Settings, job: str) -> ProcessControlError:
    where = settings.fleet_address or ""
    namespace = settings.fleet_namespace
    message = masked(error.message, settings)
    if error.status == RPCStatusCode.NOT_FOUND and "namespace" in message.lower():
        command = f"temporal operator namespace create --namespace {namespace} --retention 30d --address {where}"
        return BadConfiguration(f"the server has no namespace '{namespace}'", where=where, hint=command)
    if error.status == RPCStatusCode.NOT_FOUND and job:
        return JobNotFound(f"the fleet has no job '{job}'", where=job, hint="process-control fleet apply")
    if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
        return _not_permitted(message, where)
    if error.status == RPCStatusCode.UNIMPLEMENTED:
        least = ".".join(map(str, MIN_SERVER))
        what = f"the server is too old for this, {least} is the first version that can: {message}"
        return BadConfiguration(what, where=where, hint=f"fleet doctor shows its version; {UPGRADE}")
    if error.status in AWAY:
        kind = NotStarted if error.status == RPCStatusCode.UNAVAILABLE else NoAnswerInTime
        return kind(f"the Temporal server does not answer: {message}", where=where)
    return NotStarted(f"the server refuses this: {message}", where=where)


def _not_permitted(words: str, where: str) -> NotPermitted:
    hint = "who we are is in the keys fleet.tls and fleet.api_key_file: process-control explain fleet"
    return NotPermitted(f"the server refuses us: {words}", where=where, hint=hint)


def _first_line(words: str) -> str:
    """Return what the library says at the end of a nest of errors, such as `Connection refused`."""
    found = re.search(r'message: "([^"]+)"', words)
    return found[1] if found else words.split("\n", 1)[0][:200]
