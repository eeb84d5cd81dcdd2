"""The application: its routes, and what a request gets when something is wrong."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from process_control.errors import (
    BadConfiguration,
    CannotRecord,
    JobNotFound,
    NotPermitted,
    NotStarted,
    ProcessControlError,
    UsageError,
)
from process_control.web.access.caller import Refused
from process_control.web.access.gate import Gate
from process_control.web.api import probes
from process_control.web.api import routes as api
from process_control.web.compressed import Compressed
from process_control.web.fleet_asked import NoAnswerOfFleet
from process_control.web.kept import Kept
from process_control.web.listen import allowed_hosts
from process_control.web.pages import (
    acts,
    audit,
    day,
    fleet,
    incidents,
    job,
    login,
    overview,
    recover,
    run,
    sessions,
    why,
    zone,
)
from process_control.web.pages.render import page
from process_control.web.recovering import Recoveries
from process_control.web.site import Site

#: The status of each error, by its class.
STATUS = (
    (JobNotFound, 404),
    (UsageError, 400),
    (NotPermitted, 403),
    (NotStarted, 409),
    (BadConfiguration, 500),
    (CannotRecord, 507),
)


def make_application(site: Site) -> Starlette:
    """Return the application of a server."""
    settings, access = site.settings, site.access

    def hosts() -> frozenset[str]:
        return allowed_hosts(access.address, url=settings.web_url, more=settings.web_allowed_hosts)

    gate = Middleware(Gate, access=access, hosts=hosts, refuse=_refuse, before=site.configuration.refresh)
    application = Starlette(
        routes=_routes(),
        middleware=[gate, Middleware(Compressed)],
        exception_handlers={ProcessControlError: _error, HTTPException: _http_error, Exception: _fault},
    )
    application.state.site = site
    application.state.days = Kept()
    application.state.recoveries = Recoveries()
    application.state.health = probes.Health()
    return application


def _routes() -> list[BaseRoute]:
    return [
        *overview.ROUTES,
        *job.ROUTES,
        *fleet.ROUTES,
        *run.ROUTES,
        *day.ROUTES,
        *why.ROUTES,
        *incidents.ROUTES,
        *recover.ROUTES,
        *audit.ROUTES,
        *acts.ROUTES,
        *login.ROUTES,
        *zone.ROUTES,
        *sessions.ROUTES,
        *api.routes(),
        *probes.routes(),
        Mount("/static", StaticFiles(directory=Path(str(files("process_control.web") / "static")))),
    ]


def _is_for_programs(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/metrics", "/healthz"))


def _refuse(request: Request, refused: Refused) -> Response:
    """Return the answer to somebody who may not ask; a browser that nobody is logged in with goes to the login."""
    if refused.status == 401 and not _is_for_programs(request):
        target = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"/login?{urlencode({'next': target})}" if target != "/" else "/login", 303)
    return problem(request, refused.status, refused.why, refused.hint)


def problem(
    request: Request, status: int, what: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in the form that fits whoever asks: a page, or JSON as `--json` has it."""
    if _is_for_programs(request):
        more = {"www-authenticate": "Bearer"} if status == 401 else {}
        answer = {"version": 1, "error": {"what": what, "hint": hint or None}}
        return JSONResponse(answer, status, {**more, **(headers or {})})
    response = page(request, "problem.html", {"title": what, "hint": hint, "status": status}, status=status)
    response.headers.update(headers or {})
    return response


def _error(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if isinstance(error, NoAnswerOfFleet):
        status = error.status
    fault = error.faults[0] if isinstance(error, ProcessControlError) else None
    if fault is None:
        return problem(request, status, str(error))
    what = f"{fault.where}: {fault.what}" if fault.where else fault.what
    return problem(request, status, what, fault.hint or "")


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _fault(request, error)
    words = {404: "there is no such page", 405: "this address takes another method"}
    what = words.get(error.status_code) or error.detail
    allow = (error.headers or {}).get("Allow", "")
    return problem(request, error.status_code, what, f"it takes {allow}" if allow else "", error.headers)


def _fault(request: Request, _: Exception) -> Response:
    return problem(request, 500, "a fault of the page itself", "its log has the details")
