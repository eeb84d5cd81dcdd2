"""Fleet: the last runs of a job on all hosts, and what one of them has printed, piece by piece."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.moments import parse_iso
from process_control.errors import ProcessControlError
from process_control.web.fleet_asked import has_log
from process_control.web.log_html import NONE, Times, piece_html
from process_control.web.pages.log import byte_of, way_of_times
from process_control.web.pages.render import page
from process_control.web.site import site_of
from process_control.web.zones import zone_of_page

#: As `history` shows without a limit.
ROWS = 50


async def runs(request: Request) -> Response:
    return await site_of(request).fleet.in_turn(lambda: _runs(request))


def _runs(request: Request) -> Response:
    site, slug = site_of(request), request.path_params["slug"]
    found = site.fleet.runs(site.settings, slug)
    values = {
        "title": f"{slug} in the fleet",
        "slug": slug,
        "runs": found[:ROWS],
        "has_more": len(found) > ROWS,
        "has_log": has_log,
        "command": site.command("history", slug, "--fleet"),
    }
    return page(request, "fleet_runs.html", values, job_zone=_zone_of(site.settings, slug))


async def log(request: Request) -> Response:
    return await site_of(request).fleet.in_turn(lambda: _log(request))


def _log(request: Request) -> Response:
    site, slug, run_id = site_of(request), request.path_params["slug"], request.path_params["run_id"]
    before, way = byte_of(request, "before"), way_of_times(request)
    piece = site.fleet.piece(site.settings, slug, run_id, before)
    job_zone = _zone_of(site.settings, slug)
    kept = {} if way == NONE else {"times": way}
    values = {
        "title": f"{slug}, run {run_id} in the fleet",
        "slug": slug,
        "piece": piece,
        "before": before,
        "times": way,
        "link": lambda **others: "?" + urlencode({k: v for k, v in {**kept, **others}.items() if v != NONE}),
        "rows": piece_html(piece.lines, parse_iso(piece.began), Times(way, zone_of_page(request, job_zone).zone)),
        "command": site.command("logs", slug, "--fleet", "--run", run_id),
    }
    return page(request, "fleet_log.html", values, job_zone=job_zone)


def _zone_of(settings: Settings, slug: str) -> str | None:
    try:
        return load_job(slug, settings).time_zone
    except ProcessControlError:  # the fleet may know it all the same
        return None


ROUTES = [Route("/jobs/{slug}/fleet", runs), Route("/jobs/{slug}/fleet/{run_id}", log)]
