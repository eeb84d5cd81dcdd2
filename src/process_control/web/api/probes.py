"""For monitors: whether what starts the jobs is alive, and the numbers of Prometheus."""

import threading
import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from process_control.core.in_charge import Trigger
from process_control.core.metrics import exposition
from process_control.crontab.in_charge import in_charge
from process_control.views.metrics import read_metrics
from process_control.web.api.responses import JSON
from process_control.web.site import Site, as_json, site_of

#: Everybody may ask: however often, the host is looked at once in this time.
LOOK_SECONDS = 2.0
TEXT_OF_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Whether what is in charge is alive, looked at now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._is_alive = False

    def is_alive(self, site: Site) -> bool:
        """Return False when the scheduler or cron is in charge and does not run; that nobody is is no fault."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                charge = in_charge(site.settings)
                is_dead = not charge.is_alive and charge.trigger is not Trigger.NOBODY
                is_dead |= charge.silent_since is not None
                self._is_alive, self._looked_at = not is_dead, time.monotonic()
            return self._is_alive


def healthz(request: Request) -> Response:
    """200 while what is in charge is alive, 503 when it is dead; to everybody, and nothing more."""
    health: Health = request.app.state.health
    is_alive = health.is_alive(site_of(request))
    body = msgspec.json.encode(as_json({"alive": is_alive}))
    return Response(body, status_code=200 if is_alive else 503, media_type=JSON)


def metrics(request: Request) -> Response:
    """The numbers that `process-control metrics` prints."""
    return Response(exposition(read_metrics(site_of(request).settings)), media_type=TEXT_OF_PROMETHEUS)


def routes() -> list[BaseRoute]:
    return [Route("/healthz", healthz), Route("/metrics", metrics)]
