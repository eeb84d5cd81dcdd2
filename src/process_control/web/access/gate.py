"""The middleware before everything: wrong hosts, requests of other sites and strangers get no further."""

import time
from collections.abc import Callable, Iterable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from process_control.web.access.access import LINK_PARAMETER, Access
from process_control.web.access.audit import LINK_OPENED, record_access
from process_control.web.access.caller import LINK, Caller, Refused
from process_control.web.access.store import SESSION_SECONDS
from process_control.web.listen import host_of, origin_of

#: Answered to everybody: whether what is in charge is alive, the login, and what the login looks like.
OPEN_PATHS = ("/healthz", "/login", "/static/style.css", "/static/icon.svg")
HEALTH_PATH = "/healthz"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: An answer that does not end, such as live events, ends so long after its session or token at the latest.
LOOK_AGAIN_SECONDS = 5.0
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
Refuse = Callable[[Request, Refused], Response]


class Gate:
    """Lets a request through with `request.state.caller`, or answers it itself.

    `hosts`: the names by which the page may be asked now. `before`: called before each request is looked at.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        hosts: Callable[[], Iterable[str]],
        refuse: Refuse,
        before: Callable[[], None],
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts
        self._refuse = refuse
        self._before = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._before()
        request = Request(scope, receive)
        answer = await self._answer(request)
        if answer is None:
            send = _while_allowed(send, lambda: isinstance(self._access.caller(request), Caller))
        await (answer or self._app)(scope, receive, _with_headers(send))

    async def _answer(self, request: Request) -> Response | None:
        """Return the answer to a request that goes no further."""
        path = request.url.path
        request.state.caller = None
        if path == HEALTH_PATH and request.method in SAFE_METHODS:
            return None
        if host_of(request.headers.get("host", "")) not in self._hosts():
            return PlainTextResponse("this page has another name; add this one to web.allowed_hosts\n", 421)
        if (refused := self._access.refuses_connection(request)) is not None:
            return self._refuse(request, refused)
        if LINK_PARAMETER in request.query_params and not path.startswith("/api/"):
            return await to_thread.run_sync(self._opened_by_link, request)
        caller = self._access.caller(request)
        request.state.caller = caller if isinstance(caller, Caller) else None
        if path in OPEN_PATHS:
            return self._refuse_other_sites(request) if request.method not in SAFE_METHODS else None
        if isinstance(caller, Refused):
            return self._refuse(request, caller)
        return None if request.method in SAFE_METHODS or not caller.is_browser else self._refuse_other_sites(request)

    def _refuse_other_sites(self, request: Request) -> Response | None:
        """Return the refusal of a change that another site asks for."""
        site, origin = request.headers.get("sec-fetch-site"), origin_of(request.headers)
        is_own = site == "same-origin" if site is not None else origin == request.headers.get("host", "").lower()
        return None if is_own else self._refuse(request, Refused(403, "this change comes from another site"))

    def _opened_by_link(self, request: Request) -> Response:
        access = self._access
        cookie = access.opens_link(request.query_params[LINK_PARAMETER])
        if cookie is None:
            hint = "process-control web link prints the one of the server that runs now"
            return self._refuse(request, Refused(403, "this link is that of another server", hint))
        record_access(access.actor(LINK), LINK_OPENED, address=access.client(request))
        target = request.url.remove_query_params(LINK_PARAMETER)
        path = "/" + target.path.lstrip("/\\")  # //host would be another site
        response = RedirectResponse(f"{path}?{target.query}" if target.query else path, 303)
        set_cookie(response, access.cookie_name, cookie, is_secure=access.is_secure(request), seconds=None)
        return response


def set_cookie(
    response: Response, name: str, secret: str, *, is_secure: bool, seconds: int | None = SESSION_SECONDS
) -> None:
    """Give a browser its cookie; `seconds`: None until it is closed."""
    response.set_cookie(name, secret, max_age=seconds, path="/", httponly=True, samesite="lax", secure=is_secure)


def _with_headers(send: Send) -> Send:
    """Return `send` with the headers that each answer has."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            if b"cache-control" not in own:
                more.append((b"cache-control", b"no-store"))
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return sending


def _while_allowed(send: Send, is_allowed: Callable[[], bool]) -> Send:
    """Return `send` that ends an answer in its middle when whoever asked for it may no longer have it."""
    looked, is_over = time.monotonic(), False

    async def sending(message: Message) -> None:
        nonlocal looked, is_over
        if is_over:
            return
        if message.get("more_body") and time.monotonic() - looked > LOOK_AGAIN_SECONDS:
            looked, is_over = time.monotonic(), not is_allowed()
            message = {"type": "http.response.body", "body": b"", "more_body": False} if is_over else message
        await send(message)

    return sending
