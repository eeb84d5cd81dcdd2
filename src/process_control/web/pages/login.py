"""Login and logout."""

from contextlib import suppress

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.errors import CannotRecord, NotPermitted
from process_control.web.access.access import Access
from process_control.web.access.audit import LOGIN, LOGOUT, REFUSED, record_access
from process_control.web.access.caller import SESSION
from process_control.web.access.gate import set_cookie
from process_control.web.access.passwords import is_password
from process_control.web.access.store import SESSION_SECONDS, key_of
from process_control.web.pages.form import form_of, own_address, read_form
from process_control.web.pages.render import page
from process_control.web.site import caller_of, site_of

WRONG = "no such name with this password"
#: One password is checked at a time: each takes a processor for some hundredths of a second.
_checks = CapacityLimiter(1)
#: More are refused at once: they would wait for longer than anybody does.
MAX_WAITING = 20
#: In the records, in place of a name that nobody has: people type passwords into the wrong field.
NOBODY = "unknown name"


def show(request: Request) -> Response:
    _need_logins(request)
    return _page(request, target=own_address(request.query_params.get("next", "/")))


async def log_in(request: Request) -> Response:
    """Check name and password; both answers take as long for a name that nobody has."""
    _need_logins(request)
    access, form = site_of(request).access, (await read_form(request)).values
    name, target, address = form.get("name", "")[:64], own_address(form.get("next", "/")), access.client(request)
    pause = 1.0 if _checks.statistics().tasks_waiting >= MAX_WAITING else access.limit.begin(name, address)
    if pause > 0:
        seconds = str(max(1, round(pause)))
        response = _page(request, trouble=f"too many tries: wait {seconds} s", name=name, target=target, status=429)
        response.headers["retry-after"] = seconds
        return response
    users = access.settings.web_users
    user = users.get(name)
    hashed = user.get("password") if user else None
    others = [each["password"] for each in users.values() if each.get("password")]
    is_right = await to_thread.run_sync(
        lambda: is_password(form.get("password", "")[:1024], hashed, others=others), limiter=_checks
    )
    if not is_right or user is None or hashed is None:
        await to_thread.run_sync(_record_refusal, access, name if user else NOBODY, address)
        return _page(request, trouble=WRONG, name=name, target=target, status=403)
    access.limit.succeeded(name, address)
    secret = await to_thread.run_sync(_new_session, access, name, user["role"], address, hashed)
    response = RedirectResponse(target, 303)
    set_cookie(response, access.cookie_name, secret, is_secure=access.is_secure(request))
    return response


async def log_out(request: Request) -> Response:
    await form_of(request)
    access, caller = site_of(request).access, caller_of(request)
    if caller.via != SESSION:
        raise NotPermitted("nobody is logged in here", hint="a link is valid until its server stops")
    if access.sessions.end(caller.session):
        address = access.client(request)
        await to_thread.run_sync(lambda: record_access(access.actor(caller.name), LOGOUT, address=address))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(access.cookie_name, path="/", httponly=True, samesite="lax")
    return response


def _new_session(access: Access, name: str, role: str, address: str, hashed: str) -> str:
    """Keep a session, and return its secret. Raises CannotRecord (74), also when the login cannot be recorded."""
    access.sessions.all()  # removes those that are over
    secret, grant = access.sessions.add(
        name=name, role=role, seconds=SESSION_SECONDS, by=address, password=key_of(hashed)
    )
    try:
        record_access(access.actor(name), LOGIN, role=role, address=address)
    except CannotRecord:
        access.sessions.end(grant.key)
        raise
    return secret


def _record_refusal(access: Access, name: str, address: str) -> None:
    with suppress(CannotRecord):  # whoever is refused has to learn nothing of our disk
        record_access(access.actor(name), REFUSED, address=address, detail="wrong name or password")


def _need_logins(request: Request) -> None:
    if not site_of(request).access.has_login:
        hint = "process-control web link prints the address to open; logins: process-control web passwd NAME"
        raise NotPermitted("no logins are configured", hint=hint)


def _page(request: Request, *, trouble: str = "", name: str = "", target: str = "/", status: int = 200) -> Response:
    values = {"trouble": trouble, "name": name, "target": target}
    return page(request, "login.html", values, status=status)


ROUTES = [
    Route("/login", show, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
