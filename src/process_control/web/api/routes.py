"""The routes of the API: a request is checked against the table, answered by the function of its name."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from process_control.web.acts import HOLD, PAUSE, RELEASE, RUN, STOP
from process_control.web.api import acting, reading
from process_control.web.api.bodies import read_body
from process_control.web.api.parameters import Asked, read_address
from process_control.web.api.responses import JSON
from process_control.web.api.table import OPERATIONS, PREFIX, Operation
from process_control.web.site import site_of

READING: dict[str, Callable[[Request, Asked], Response]] = {
    "jobs": reading.jobs,
    "job": reading.job,
    "runs": reading.runs,
    "run": reading.run,
    "log": reading.log,
    "fleet_runs": reading.fleet_runs,
    "fleet_log": reading.fleet_log,
    "slots": reading.slots,
    "why": reading.why,
    "incidents": reading.incidents,
    "incident": reading.incident,
    "day": reading.day,
}
ACTING: dict[str, Callable[[Request, Mapping[str, Any]], Response]] = {
    "run_job": lambda request, body: acting.act(request, RUN, body),
    "stop": lambda request, body: acting.act(request, STOP, body),
    "hold": lambda request, body: acting.act(request, HOLD, body),
    "release": lambda request, body: acting.act(request, RELEASE, body),
    "pause": lambda request, body: acting.act(request, PAUSE, body),
    "ack": acting.acknowledge,
    "silence": acting.silence,
}
DESCRIPTION = "openapi.json"


def _read(operation: Operation, request: Request) -> Response:
    return READING[operation.name](request, read_address(operation, request.query_params.multi_items()))


async def _ask_fleet(operation: Operation, request: Request) -> Response:
    return await site_of(request).fleet.in_turn(lambda: _read(operation, request))


async def _act(operation: Operation, request: Request) -> Response:
    acting.check_may_act(request)
    read_address(operation, request.query_params.multi_items())
    body = await read_body(request, operation)
    return await to_thread.run_sync(lambda: ACTING[operation.name](request, body))


def description(_: Request) -> Response:
    """The OpenAPI description of all this."""
    return Response((files("process_control.web.api") / DESCRIPTION).read_bytes(), media_type=JSON)


def routes() -> list[BaseRoute]:
    """Return the routes of the API."""
    found: list[BaseRoute] = [Route(f"{PREFIX}/{DESCRIPTION}", description)]
    for each in OPERATIONS:
        answer = _act if each.method == "POST" else _ask_fleet if each.asks_fleet else _read
        found.append(Route(PREFIX + each.path, partial(answer, each), methods=[each.method], name=each.name))
    return found
