"""Sessions: who is logged in, for admins, who may end each."""

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.errors import NotPermitted
from process_control.web.access.audit import SESSION_ENDED, record_access
from process_control.web.access.caller import Caller
from process_control.web.pages.form import form_of
from process_control.web.pages.render import page
from process_control.web.site import Site, caller_of, site_of

PATH = "/sessions"


def show(request: Request) -> Response:
    site, caller = site_of(request), _admin(request)
    users = site.settings.web_users
    rows = [(grant, users[grant.name]["role"]) for grant in site.access.sessions.all() if grant.name in users]
    values = {
        "title": "Sessions",
        "rows": rows,
        "own": caller.session,
        "has_login": site.access.has_login,
        "command": site.command("audit", "--event", "web"),
    }
    return page(request, "sessions.html", values)


async def end(request: Request) -> Response:
    """End a session; what it has open live ends within seconds."""
    caller, form = _admin(request), await form_of(request)
    await to_thread.run_sync(_end, site_of(request), caller, form.values.get("session", ""), request)
    return RedirectResponse(PATH, 303)


def _end(site: Site, caller: Caller, key: str, request: Request) -> None:
    access = site.access
    name = next((grant.name for grant in access.sessions.all() if grant.key == key), None)
    if name is not None and access.sessions.end(key):
        record_access(access.actor(caller.by), SESSION_ENDED, account=name, address=access.client(request))


def _admin(request: Request) -> Caller:
    """Return the caller. Raises NotPermitted (77) for everybody but admins."""
    caller = caller_of(request)
    if not caller.is_admin:
        raise NotPermitted(f"a {caller.role} sees no sessions", hint="ask for the role admin")
    return caller


ROUTES = [Route(PATH, show, methods=["GET"]), Route(f"{PATH}/end", end, methods=["POST"])]
