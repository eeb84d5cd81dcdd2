"""Acting: first what will be touched and a note, then it is done."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.core.job_state import HELD, RUNNING
from process_control.errors import UsageError
from process_control.views.job_status import JobStatus
from process_control.views.selected_jobs import select_jobs
from process_control.web.acts import HOLD, PAUSE, RELEASE, RUN, SILENCE, STOP, VERBS, Wish, act
from process_control.web.pages.form import form_of
from process_control.web.pages.render import page
from process_control.web.planned_time import planned_time
from process_control.web.site import caller_of, site_of

#: What each act does, for the preview.
MEANS = {
    RUN: "Each starts now, besides its schedule. A job that is held or runs already is not started.",
    STOP: "The run gets TERM, then KILL after its kill_grace, with all processes that it has started.",
    HOLD: "Scheduled runs are skipped until somebody releases the jobs. A run in progress continues.",
    RELEASE: "Scheduled runs start again.",
    PAUSE: "Scheduled runs are skipped for so long. A run in progress continues.",
    SILENCE: "Nobody is notified for so long. The jobs run on, and incidents are kept.",
}


class Touched(NamedTuple):
    """A job that will be touched, and how it stands."""

    slug: str
    words: str


def choose(request: Request) -> Response:
    """Go from a list with chosen jobs to the preview of an act."""
    parameters = request.query_params
    jobs = [("job", slug) for slug in parameters.getlist("job")]
    return RedirectResponse(f"/acts/{_verb(parameters.get('verb', ''))}?{urlencode(jobs)}", 303)


def preview(request: Request) -> Response:
    """Show what will be touched."""
    site, verb = site_of(request), _verb(request.path_params["verb"])
    site.actor(caller_of(request))
    words = request.query_params.getlist("job")
    if not words:
        raise UsageError("no job is chosen", hint="tick some in the overview")
    snapshot = site.watched.now()
    slugs = [job.slug for job in select_jobs(site.settings, words)]
    touched = [Touched(slug, _how_it_stands(snapshot.status(slug), verb)) for slug in slugs]
    title = f"{verb} {slugs[0]}" if len(slugs) == 1 else f"{verb} {len(slugs)} jobs"
    slot = planned_time(site.settings, slugs, request.query_params.get("slot", "") if verb == RUN else "")
    values = {
        "title": title,
        "slot": slot.planned if slot is not None else None,
        "verb": verb,
        "touched": touched,
        "means": MEANS[verb],
        "back": f"/jobs/{slugs[0]}" if len(slugs) == 1 else "/",
        "command": site.command(verb, *words, *(["--slot", slot.planned] if slot is not None else [])),
    }
    return page(request, "act.html", values)


async def done(request: Request) -> Response:
    """Do it, and show the result for each job."""
    verb, form = _verb(request.path_params["verb"]), await form_of(request)
    wish, site, jobs = Wish.of(verb, form.values), site_of(request), form.all("job")
    results = await to_thread.run_sync(lambda: act(site, caller_of(request), verb, jobs, wish))
    title = f"{verb}: {results[0]['job']}" if len(results) == 1 else f"{verb}: {len(results)} jobs"
    return page(request, "done.html", {"title": title, "results": [_row(each) for each in results]})


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: result.get(name) for name in ("job", "done", "run_id", "why")}


def _verb(text: str) -> str:
    if text not in VERBS:
        raise UsageError(f"no such act: {text}", hint=", ".join(VERBS))
    return text


def _how_it_stands(status: JobStatus | None, verb: str) -> str:
    if status is None:
        return "it is gone"
    if verb == STOP:
        return f"run {status.running.run_id} is ended" if status.running else "nothing is running"
    if verb == HOLD and status.state == HELD:
        return "it is held already"
    if verb == RELEASE and status.state != HELD:
        return "it is not held"
    if status.state == RUNNING and status.running:
        return f"it is running since {status.running.started_at}"
    return status.state


ROUTES = [
    Route("/acts/choose", choose),
    Route("/acts/{verb}", preview, methods=["GET"]),
    Route("/acts/{verb}", done, methods=["POST"]),
]
