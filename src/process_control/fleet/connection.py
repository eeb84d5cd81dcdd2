"""The connection to the Temporal server, and what its errors mean for people."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, RPCTimeoutOrCancelledError, TLSConfig, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, JobNotFound, NotPermitted, NotStarted, ProcessControlError
from process_control.fleet.payloads import DATA_CONVERTER
from process_control.fleet.wire import NO_SUCH_JOB, STATE_ATTRIBUTE
from process_control.system.plain_file import open_plain

#: How long an answer of the server may take.
RPC_TIMEOUT = timedelta(seconds=10)
#: The first version that hands a question to a host without a workflow.
MIN_SERVER = (1, 31)
UPGRADE = "process-control help fleet-in-production"
_MAX_FILE = 1 << 20
_REFUSED = re.compile(r"\b(PermissionDenied|Unauthenticated)\b|does not have permission|authentication credentials")
_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


def address_of(settings: Settings) -> str:
    """Return the address of the server. Raises BadConfiguration (78) where there is no fleet."""
    if settings.fleet_address is None:
        raise BadConfiguration(
            "the configuration has no fleet.address: there is no fleet",
            where=settings.path or "",
            hint="add fleet: {address: HOST:7233}; to try it on this host: process-control up --fleet",
        )
    return settings.fleet_address


async def connect(settings: Settings, *, host: str | None = None) -> Client:
    """Return a client of the fleet's server. `host`: what this host is called in the fleet.

    Raises NotStarted (75) when it does not answer, BadConfiguration (78) when its namespace is missing, NotPermitted
    (77) when it does not let us in.
    """
    address = address_of(settings)
    tls = _tls(settings)
    key = None if settings.fleet_api_key_file is None else _read(settings.fleet_api_key_file).decode().strip()
    try:
        client = await Client.connect(
            address,
            namespace=settings.fleet_namespace,
            tls=tls if tls is not None else key is not None,
            api_key=key,
            data_converter=DATA_CONVERTER,
            identity=f"{host or os.uname().nodename}@{os.getpid()}",
        )
    except RuntimeError as error:  # the client of the library says no more
        if _REFUSED.search(str(error)):
            raise _not_permitted(_first_line(error), address) from error
        raise NotStarted(
            f"the Temporal server does not answer: {_first_line(error)}",
            where=address,
            hint="is it running, and is fleet.address right? to try the fleet on this host: process-control up --fleet",
        ) from error
    with server_errors(settings):
        request = DescribeNamespaceRequest(namespace=settings.fleet_namespace)
        await client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
    return client


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
        raise NotStarted("server and control processes have not answered in time", where=where) from error
    except RPCError as error:
        raise _of_a_call(error, settings, job) from error


def _of_an_update(cause: BaseException | None, job: str) -> ProcessControlError:
    kind = cause.type if isinstance(cause, ApplicationError) else None
    words = cause.message if isinstance(cause, ApplicationError) else str(cause)
    if kind == NO_SUCH_JOB:
        return JobNotFound(words, where=job, hint="process-control fleet apply")
    return NotStarted(words, where=job)


def _of_a_call(error: RPCError, settings: Settings, job: str) -> ProcessControlError:
    where = settings.fleet_address or ""
    namespace = settings.fleet_namespace
    if error.status == RPCStatusCode.NOT_FOUND and "namespace" in error.message.lower():
        command = f"temporal operator namespace create --namespace {namespace} --retention 30d --address {where}"
        return BadConfiguration(f"the server has no namespace '{namespace}'", where=where, hint=command)
    if error.status == RPCStatusCode.NOT_FOUND and job:
        return JobNotFound(f"the fleet has no job '{job}'", where=job, hint="process-control fleet apply")
    if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
        return _not_permitted(error.message, where)
    if error.status == RPCStatusCode.UNIMPLEMENTED:
        least = ".".join(map(str, MIN_SERVER))
        what = f"the server is too old for this, {least} is the first version that can: {error.message}"
        return BadConfiguration(what, where=where, hint=f"fleet doctor shows its version; {UPGRADE}")
    if error.status in _AWAY:
        return NotStarted(f"the Temporal server does not answer: {error.message}", where=where)
    return NotStarted(f"the server refuses this: {error.message}", where=where)


def _not_permitted(words: str, where: str) -> NotPermitted:
    hint = "who we are is in the keys fleet.tls and fleet.api_key_file: process-control explain fleet"
    return NotPermitted(f"the server refuses us: {words}", where=where, hint=hint)


def _tls(settings: Settings) -> TLSConfig | None:
    files = settings.fleet_tls_ca_file, settings.fleet_tls_cert_file, settings.fleet_tls_key_file
    if files == (None, None, None):
        return None
    ca, certificate, key = (None if path is None else _read(path) for path in files)
    return TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key)


def _read(path: str) -> bytes:
    """Return the content of a small file. Raises BadConfiguration (78)."""
    try:
        with open_plain(path) as file:
            return file.read(_MAX_FILE)
    except OSError as error:
        raise BadConfiguration(f"cannot be read: {error.strerror}", where=path) from error


def _first_line(error: BaseException) -> str:
    """Return what the library says at the end of a nest of errors, such as `Connection refused`."""
    found = re.search(r'message: "([^"]+)"', str(error))
    return found[1] if found else str(error).split("\n", 1)[0][:200]
