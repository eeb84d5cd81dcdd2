"""Incidents: what people are notified of, and what can be done about it: acknowledge, silence."""

import time
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.core.causes import Cause
from process_control.core.facts import one_line
from process_control.errors import JobNotFound
from process_control.system.clock import iso
from process_control.views.incidents import Seen
from process_control.web import answers
from process_control.web.acts import SILENCE, Wish, acknowledge, act
from process_control.web.pages.form import form_of
from process_control.web.pages.render import page
from process_control.web.site import caller_of, site_of

#: Of closed ones, the newest.
MAX_CLOSED = 200
#: Jobs and planned times that are named.
MAX_NAMED = 30
WORDS = {
    Cause.HOST_DOWN: "host down",
    Cause.TRIGGER_DEAD: "trigger dead",
    Cause.WATCH_DEAD: "watch dead",
    Cause.DISK_FULL: "disk full",
    Cause.MAIL_DEAD: "messages wait",
    Cause.FILE_INVALID: "file invalid",
}


def incidents(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    with_closed, job = parameters.get("all") == "1", parameters.get("job", "").strip()
    try:
        found = answers.incidents(site.settings, with_closed=with_closed, words=[job] if job else [])
    except JobNotFound:  # the page says that there is none
        found = []
    values = {
        "title": "Incidents",
        "open": [each for each in found if each.incident.is_open],
        "closed": [each for each in found if not each.incident.is_open][:MAX_CLOSED],
        "with_closed": with_closed,
        "job": job,
        "words": lambda cause: WORDS.get(cause, cause.value),
        "now": iso(time.time()),
        "command": site.command("incidents", *([job] if job else []), *(["--all"] if with_closed else [])),
    }
    return page(request, "incidents.html", values)


def incident(request: Request) -> Response:
    site = site_of(request)
    seen, story = answers.incident(site.settings, request.path_params["id"])
    found = seen.incident
    values: dict[str, Any] = {
        "title": f"Incident {found.id}",
        "seen": seen,
        "incident": found,
        "story": story,
        "cause": WORDS.get(found.cause, found.cause.value),
        "jobs": _jobs(seen)[:MAX_NAMED],
        "more_jobs": max(len(found.parts) - MAX_NAMED, 0),
        "messages": seen.to_json()["told"],
        "now": iso(time.time()),
        "command": site.command("incidents", "show", found.id),
        "commands": [
            ("Acknowledge", site.command("ack", found.id, "--note", "…")),
            ("Silence", site.command("silence", *list(found.parts)[:MAX_NAMED], "--for", "2h", "--note", "…")),
        ],
    }
    return page(request, "incident.html", values)


def _jobs(seen: Seen) -> list[tuple[str, int]]:
    """Return the jobs of an incident with their troubles, those with the most first."""
    counts = [(slug, part.count) for slug, part in seen.incident.parts.items()]
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))


async def ack(request: Request) -> Response:
    site, form, id = site_of(request), (await form_of(request)).values, request.path_params["id"]  # noqa: A001
    note = one_line(form.get("note", "")) or None
    await to_thread.run_sync(lambda: acknowledge(site, caller_of(request), id, note))
    return RedirectResponse(f"/incidents/{id}", 303)


async def silence(request: Request) -> Response:
    """Notify nobody about any job of an incident for a while."""
    site, form, id = site_of(request), (await form_of(request)).values, request.path_params["id"]  # noqa: A001
    wish = Wish.of(SILENCE, form)

    def do() -> None:
        seen, _ = answers.incident(site.settings, id)
        act(site, caller_of(request), SILENCE, list(seen.incident.parts), wish)

    await to_thread.run_sync(do)
    return RedirectResponse(f"/incidents/{id}", 303)


ROUTES = [
    Route("/incidents", incidents),
    Route("/incidents/{id}", incident, methods=["GET"]),
    Route("/incidents/{id}/ack", ack, methods=["POST"]),
    Route("/incidents/{id}/silence", silence, methods=["POST"]),
]
