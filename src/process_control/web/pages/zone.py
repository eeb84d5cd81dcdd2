"""The switch of the time zone: kept in a cookie, by a plain form."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.errors import UsageError
from process_control.web.pages.form import form_of, own_address
from process_control.web.site import site_of
from process_control.web.zones import CHOICES, COOKIE

ONE_YEAR = 365 * 86400


async def choose(request: Request) -> Response:
    form = (await form_of(request)).values
    choice = form.get("zone", "")
    if choice not in CHOICES:
        raise UsageError(f"zone {choice}: no such choice", hint=", ".join(CHOICES))
    response = RedirectResponse(own_address(form.get("next", "/")), 303)
    is_secure = site_of(request).access.is_secure(request)
    response.set_cookie(COOKIE, choice, max_age=ONE_YEAR, path="/", httponly=True, samesite="lax", secure=is_secure)
    return response


ROUTES = [Route("/zone", choose, methods=["POST"])]
