"""The routes of the API: each reads the parameters, calls one answer or one action, and sends JSON."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from process_control.errors import JobNotFound
from process_control.web import answers
from process_control.web.answers import Part, limit_of
from process_control.web.filters import Filter
from process_control.web.site import as_json, site_of

PREFIX = "/api/v1"


def jobs(request: Request) -> Response:
    """All jobs, worst first, as `status --json`."""
    site, parameters = site_of(request), request.query_params
    standing = site.watched.now()
    chosen = Filter.of(parameters).chosen(standing.statuses)
    part = answers.part_of_jobs(chosen, limit_of(parameters), parameters.get("cursor"))
    return list_response(request, answers.jobs_json(standing, part.rows), part)


def job(request: Request) -> Response:
    """One job, as an entry of `status --json`."""
    site, slug = site_of(request), request.path_params["slug"]
    standing = site.watched.now()
    status = standing.status(slug)
    if status is None:
        raise JobNotFound(f"no such job: {slug}", hint="GET /api/v1/jobs")
    return json_response(request, status.to_json(standing.schedules))


def runs(request: Request) -> Response:
    """Runs, newest first, as `history --json`."""
    parameters = request.query_params
    part = answers.runs(
        site_of(request).settings,
        words=parameters.getlist("job"),
        since=parameters.get("since"),
        outcomes=parameters.getlist("outcome"),
        limit=limit_of(parameters),
        cursor=parameters.get("cursor"),
    )
    found = {"runs": [each.to_json() for each in part.rows], "has_more": part.next is not None}
    return list_response(request, found, part)


def run(request: Request) -> Response:
    """One run, as an entry of `history --json`."""
    return json_response(request, answers.run(site_of(request).settings, request.path_params["run_id"]).to_json())


def slots(request: Request) -> Response:
    """Planned times and their fates, newest first, as `slots --json`."""
    parameters = request.query_params
    part = answers.slots(
        site_of(request).settings,
        words=parameters.getlist("job"),
        since=parameters.get("since", "7d"),
        until=parameters.get("until"),
        fates=parameters.getlist("fate"),
        limit=limit_of(parameters),
        cursor=parameters.get("cursor"),
    )
    return list_response(request, {"slots": [each.to_json() for each in part.rows]}, part)


def why(request: Request) -> Response:
    """Why a job does not run, or did not run at a time, as `why --json`."""
    site, parameters = site_of(request), request.query_params
    found = answers.why(site.settings, parameters.get("job", ""), parameters.get("at"))
    option = f"--config {site.config}" if site.config else ""
    return json_response(request, found.to_json(option))


def incidents(request: Request) -> Response:
    """Incidents, newest first, as `incidents --json`."""
    parameters = request.query_params
    found = answers.incidents(
        site_of(request).settings,
        with_closed=parameters.get("all", "") in ("1", "true"),
        words=parameters.getlist("job"),
    )
    return json_response(request, {"incidents": [each.to_json() for each in found]})


def incident(request: Request) -> Response:
    """One incident and its story, as `incidents show --json`."""
    seen, story = answers.incident(site_of(request).settings, request.path_params["id"])
    return json_response(request, {"incident": seen.to_json(), "story": story})


def day(request: Request) -> Response:
    """One day as lanes, as `day --json`."""
    parameters = request.query_params
    found = answers.day(site_of(request).settings, parameters.get("date", "today"), parameters.getlist("job"))
    return json_response(request, found)


# --- answers ---------------------------------------------------------------------------------------------------------


def json_response(request: Request, value: dict[str, Any], *, status: int = 200) -> Response:
    """Return a value as JSON with its ETag; 304 when the caller has it already."""
    body = msgspec.json.encode(as_json(value))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if request.method in ("GET", "HEAD") and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def list_response(request: Request, value: dict[str, Any], part: Part) -> Response:
    """Return a list with where the next part is: as `next`, and in a Link header (RFC 8288)."""
    response = json_response(request, {**value, "next": part.next})
    if part.next is not None:
        others = [(name, text) for name, text in request.query_params.multi_items() if name != "cursor"]
        query = urlencode([*others, ("cursor", part.next)])
        response.headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    return response


Endpoint = Callable[[Request], Response]
READING: tuple[tuple[str, Endpoint], ...] = (
    ("/jobs", jobs),
    ("/jobs/{slug}", job),
    ("/runs", runs),
    ("/runs/{run_id}", run),
    ("/slots", slots),
    ("/why", why),
    ("/incidents", incidents),
    ("/incidents/{id}", incident),
    ("/day", day),
)


def routes() -> list[BaseRoute]:
    """Return the routes of the API."""
    return [Route(f"{PREFIX}{path}", endpoint, methods=["GET"]) for path, endpoint in READING]
