"""Incidents: what people are notified of."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.web import answers
from process_control.web.pages.render import page
from process_control.web.site import site_of


def incidents(request: Request) -> Response:
    site = site_of(request)
    with_closed = request.query_params.get("all") == "1"
    values = {
        "title": "Incidents",
        "incidents": answers.incidents(site.settings, with_closed=with_closed),
        "with_closed": with_closed,
        "command": site.command("incidents", *(["--all"] if with_closed else [])),
    }
    return page(request, "incidents.html", values)


def incident(request: Request) -> Response:
    site = site_of(request)
    seen, story = answers.incident(site.settings, request.path_params["id"])
    values = {
        "title": f"Incident {seen.incident.id}",
        "seen": seen,
        "story": story,
        "command": site.command("incidents", "show", seen.incident.id),
    }
    return page(request, "incident.html", values)


ROUTES = [Route("/incidents", incidents), Route("/incidents/{id}", incident)]
