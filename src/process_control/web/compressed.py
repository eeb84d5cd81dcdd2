"""Compresses answers that can be long, and have nothing secret beside what the sender of the request has chosen."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from process_control.web.access.caller import SESSION, Caller

LEVEL = 5
#: Long lists for programs, and what is the same for all.
ALWAYS = ("/api/", "/static/", "/metrics")
#: Long pages. With a login they have a token in their forms, whose letters the length of an answer could give away.
WITHOUT_A_SESSION = ("/day",)


class Compressed:
    """Compresses some answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=1024, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        await (self._compressing if is_http and _is_wanted(scope) else self._app)(scope, receive, send)


def _is_wanted(scope: Scope) -> bool:
    path, caller = str(scope["path"]), scope.get("state", {}).get("caller")
    has_token = isinstance(caller, Caller) and caller.via == SESSION
    return path.startswith(ALWAYS) or (path.startswith(WITHOUT_A_SESSION) and not has_token)
