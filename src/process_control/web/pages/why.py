"""Why: why a job does not run now, or what became of a planned time."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.core.job import Job
from process_control.core.sentence import with_configuration
from process_control.errors import JobNotFound, UsageError
from process_control.web import answers
from process_control.web.pages.render import page
from process_control.web.site import site_of


def why(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    word, at = parameters.get("job", "").strip(), parameters.get("at", "").strip()
    snapshot = site.watched.now()
    values: dict[str, Any] = {
        "title": f"Why {word}" if word else "Why",
        "word": word,
        "at": at,
        "slugs": [job.slug for job in snapshot.jobs],
        "why": None,
        "trouble": None,
        "command": site.command("why", *([word] if word else ["JOB"]), *([at] if at else [])),
    }
    if word:
        try:
            found = answers.why(site.settings, word, at or None)
        except (JobNotFound, UsageError) as error:
            values["trouble"] = error.faults[0]
        else:
            option = f"--config {site.config}" if site.config else ""
            values |= {
                "why": found,
                "sentences": with_configuration(found.sentences, option),
                "slot": None if found.account is None else found.account.slot,
                "planned": None if found.account is None else found.account.planned,
                "evidence": () if found.account is None else found.account.evidence,
            }
    known = next((job for job in snapshot.jobs if job.slug == word), None)
    zone = known.time_zone if isinstance(known, Job) else None
    return page(request, "why.html", values, job_zone=zone, status=404 if values["trouble"] else 200)


ROUTES = [Route("/why", why)]
