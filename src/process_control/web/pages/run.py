"""Run: why it ended as it did, and what it printed."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.web import answers
from process_control.web.pages.render import page
from process_control.web.site import site_of


def run(request: Request) -> Response:
    site, run_id = site_of(request), request.path_params["run_id"]
    found = answers.run(site.settings, run_id)
    values = {
        "title": f"{found.job}, run {found.run_id}",
        "run": found,
        "command": site.command("logs", "--run", run_id),
    }
    return page(request, "run.html", values)


ROUTES = [Route("/runs/{run_id}", run)]
