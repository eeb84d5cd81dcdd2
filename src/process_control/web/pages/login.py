"""Login and logout."""

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.web.access.gate import set_cookie
from process_control.web.access.passwords import is_password
from process_control.web.access.store import SESSION_SECONDS
from process_control.web.pages.form import form_of, own_address, read_form
from process_control.web.pages.render import page
from process_control.web.site import caller_of, site_of

WRONG = "no such name with this password"
#: One password is checked at a time: each takes a processor for some hundredths of a second.
_checks = CapacityLimiter(1)
#: More are refused at once: they would wait for longer than anybody does.
MAX_WAITING = 20


def show(request: Request) -> Response:
    return _page(request, target=own_address(request.query_params.get("next", "/")))


async def log_in(request: Request) -> Response:
    """Check name and password; both answers take as long for a name that nobody has."""
    site, form = site_of(request), (await read_form(request)).values
    access, name, target = site.access, form.get("name", "")[:64], own_address(form.get("next", "/"))
    keys = (f"name:{name}", f"address:{access.client(request)}")
    pause = access.limit.pause_seconds(*keys)
    if pause > 0 or _checks.statistics().tasks_waiting >= MAX_WAITING:
        response = _page(request, trouble=f"too many tries: wait {max(1, round(pause))} s", name=name, status=429)
        response.headers["retry-after"] = str(max(1, round(pause)))
        return response
    user = site.settings.web_users.get(name)
    password, known = form.get("password", "")[:1024], user.get("password") if user else None
    is_right = await to_thread.run_sync(is_password, password, known, limiter=_checks)
    if not is_right or user is None:
        access.limit.failed(*keys)
        return _page(request, trouble=WRONG, name=name, target=target, status=403)
    access.limit.succeeded(*keys)
    by = access.client(request)
    secret, _ = await to_thread.run_sync(
        lambda: access.sessions.add(name=name, role=user["role"], seconds=SESSION_SECONDS, by=by)
    )
    response = RedirectResponse(target, 303)
    set_cookie(response, access.cookie_name, secret, is_secure=access.is_secure(request))
    return response


async def log_out(request: Request) -> Response:
    await form_of(request)
    site_of(request).access.sessions.end(caller_of(request).session)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(site_of(request).access.cookie_name, path="/", httponly=True, samesite="lax")
    return response


def _page(request: Request, *, trouble: str = "", name: str = "", target: str = "/", status: int = 200) -> Response:
    values = {"trouble": trouble, "name": name, "target": target}
    return page(request, "login.html", values, status=status)


ROUTES = [
    Route("/login", show, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
