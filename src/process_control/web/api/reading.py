"""What the API shows: each function calls one view, and sends what `--json` prints."""

import shlex

from starlette.requests import Request
from starlette.responses import Response

from process_control.core.moments import parse_iso
from process_control.errors import JobNotFound
from process_control.views.log_lines import Printed
from process_control.web import answers
from process_control.web.api.parameters import Asked
from process_control.web.api.responses import file_response, json_response, list_response
from process_control.web.filters import NAMES, Filter
from process_control.web.log_part import log_part
from process_control.web.site import site_of


def jobs(request: Request, asked: Asked) -> Response:
    site = site_of(request)
    snapshot = site.watched.now()
    wanted = Filter.of({name: asked.one(name) or "" for name in NAMES})
    part = answers.part_of_a_walk(site.watched, snapshot, wanted, asked.limit, asked.cursor)
    return list_response(request, answers.jobs_json(snapshot, part.rows), part)


def job(request: Request, _: Asked) -> Response:
    slug = request.path_params["slug"]
    snapshot = site_of(request).watched.now()
    status = snapshot.status(slug)
    if status is None:
        raise JobNotFound(f"no job '{slug}'", hint="list them: GET /api/v1/jobs")
    return json_response(request, {"job": status.to_json(snapshot.schedules)})


def runs(request: Request, asked: Asked) -> Response:
    part = answers.runs(
        site_of(request).settings,
        words=asked.all("job"),
        since=asked.one("since"),
        outcomes=asked.all("outcome"),
        limit=asked.limit,
        cursor=asked.cursor,
    )
    rows = [each.to_json() for each in part.rows]
    return list_response(request, {"runs": rows, "has_more": part.next is not None}, part)


def run(request: Request, _: Asked) -> Response:
    found = answers.run(site_of(request).settings, request.path_params["run_id"])
    return json_response(request, {"run": found.to_json()})


def log(request: Request, asked: Asked) -> Response:
    settings = site_of(request).settings
    found = answers.run(settings, request.path_params["run_id"])
    stream = asked.one("stream")
    part = log_part(
        settings,
        found,
        streams=("out", "err") if stream is None else (stream,),
        grep=asked.one("grep"),
        last=asked.number("last"),
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return list_response(request, {"run": found.to_json(), "lines": part.rows}, part)


def fleet_runs(request: Request, asked: Asked) -> Response:
    site = site_of(request)
    found = site.fleet.runs(site.settings, request.path_params["slug"])
    return json_response(request, {"runs": found[: asked.limit], "has_more": len(found) > asked.limit})


def fleet_log(request: Request, asked: Asked) -> Response:
    site, job, run_id = site_of(request), request.path_params["slug"], request.path_params["run_id"]
    before = asked.one("before")
    piece = site.fleet.piece(site.settings, job, run_id, None if before is None else int(before))
    began = parse_iso(piece.began)
    lines = [Printed(job, piece.run_id, began, line).to_json() for line in piece.lines]
    run = {"run_id": piece.run_id, "job": job, "host": piece.host, "started_at": piece.began}
    return json_response(request, {"run": run, "lines": lines, "notes": piece.notes, "older": piece.older})


def slots(request: Request, asked: Asked) -> Response:
    part = answers.slots(
        site_of(request).settings,
        words=asked.all("job"),
        since=asked.one("since") or "7d",
        until=asked.one("until"),
        fates=asked.all("fate"),
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return list_response(request, {"slots": [each.to_json() for each in part.rows]}, part)


def why(request: Request, asked: Asked) -> Response:
    site = site_of(request)
    found = answers.why(site.settings, asked.one("job") or "", asked.one("at"))
    return json_response(request, found.to_json(f"--config {shlex.quote(site.config)}" if site.config else ""))


def incidents(request: Request, asked: Asked) -> Response:
    part = answers.part_of_incidents(
        site_of(request).settings,
        with_closed=asked.is_on("all"),
        words=asked.all("job"),
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return list_response(request, {"incidents": [each.to_json() for each in part.rows]}, part)


def incident(request: Request, _: Asked) -> Response:
    seen, story = answers.incident(site_of(request).settings, request.path_params["id"])
    return json_response(request, {"incident": seen.to_json(), "story": story})


def day(request: Request, asked: Asked) -> Response:
    site = site_of(request)
    digest, body = site.days.ask("api", site.settings, asked.one("date") or "today", asked.all("job"))
    return file_response(request, digest, body)
