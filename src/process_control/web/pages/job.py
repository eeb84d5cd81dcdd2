"""Job: one job at length."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.errors import JobNotFound
from process_control.web import answers
from process_control.web.pages.render import page
from process_control.web.site import site_of

RUNS = 50


def job(request: Request) -> Response:
    site, slug = site_of(request), request.path_params["slug"]
    standing = site.watched.now()
    status = standing.status(slug)
    if status is None:
        raise JobNotFound(f"no such job: {slug}", hint="the overview lists them")
    part = answers.runs(site.settings, words=[slug], limit=RUNS, cursor=request.query_params.get("cursor"))
    values = {
        "title": slug,
        "status": status,
        "schedules": standing.schedules,
        "runs": part.rows,
        "next": part.next,
        "why": answers.why(site.settings, slug, None),
        "command": site.command("status", slug),
    }
    job_zone = status.definition.time_zone if status.definition is not None else None
    return page(request, "job.html", values, job_zone=job_zone)


ROUTES = [Route("/jobs/{slug}", job)]
