"""Run: why it ended as it did, how it compares with the last good one, and what it printed."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.facts import FAILED, LOST, SUCCEEDED, TREE, WARNED
from process_control.core.finding import Verdict
from process_control.core.job import Job
from process_control.core.lateness import late_in_words
from process_control.core.measures import size
from process_control.core.moments import parse_iso, took
from process_control.errors import ProcessControlError
from process_control.history.index.past_run import Run
from process_control.notify.message import decision
from process_control.state.ad_hoc import kept_job
from process_control.state.past_runs import open_index
from process_control.views.run_in_context import context_of
from process_control.web import answers
from process_control.web.pages.log import gap, output_of, text, whole
from process_control.web.pages.render import page
from process_control.web.pages.run_events import events
from process_control.web.site import now, site_of
from process_control.web.zones import zone_of_page

#: What says nothing beside the outcome.
USUAL_VERDICTS: dict[str | None, str] = {
    SUCCEEDED: Verdict.IGNORE.word,
    WARNED: Verdict.WARN.word,
    FAILED: Verdict.FAIL.word,
    LOST: Verdict.FAIL.word,
}
#: The width of a timeline, in its own measure.
WIDTH = 1000


class Bar(NamedTuple):
    """An attempt in the timeline."""

    x: float
    width: float
    attempt: Mapping[str, Any]


def run(request: Request) -> Response:
    site, run_id = site_of(request), request.path_params["run_id"]
    found = answers.run(site.settings, run_id)
    job = _job(site.settings, found.job)
    with open_index(site.settings.state_directory) as index:
        context = context_of(found, job, site.settings, index)
    bars, limit = _timeline(found, job)
    of_job = None if job is None else job.time_zone
    slot = {"job": found.job, **({"slot": found.scheduled_at} if found.scheduled_at else {})}
    values = {
        "title": f"{found.job}, run {found.run_id}",
        "run": found,
        "context": context,
        "bars": bars,
        "limit": limit,
        "facts": _facts(found),
        "decision": decision(found.to_json()),
        "verdict": "" if found.verdict == USUAL_VERDICTS.get(found.outcome) else found.verdict,
        "rerun": f"/acts/run?{urlencode(slot)}",
        "why_query": urlencode({"job": found.job, "at": found.scheduled_at or found.started_at}),
        "command": site.command("logs", "--run", run_id),
    }
    if request.query_params.get("part") == "head":
        return page(request, "run_head.html", values, job_zone=of_job)
    output = output_of(request, found, zone_of_page(request, of_job))
    return page(request, "run.html", {**values, **output}, job_zone=of_job)


def _job(settings: Settings, slug: str) -> Job | None:
    try:
        return load_job(slug, settings)
    except ProcessControlError:
        return kept_job(settings, slug)


def _timeline(run: Run, job: Job | None) -> tuple[list[Bar], float | None]:
    """Return the attempts of a run as bars, and where its time limit is, if that is in reach."""
    began = parse_iso(run.started_at)
    if began is None or not run.attempts:
        return [], None
    ended = parse_iso(run.ended_at) or now()
    whole_seconds = max((ended - began).total_seconds(), run.duration_seconds or 0.0, 0.001)
    limit = job.timeout_seconds if job is not None else None
    if limit and limit <= 2 * whole_seconds:
        whole_seconds = max(whole_seconds, limit)
    else:
        limit = None
    bars = []
    for attempt in run.attempts:
        start = parse_iso(str(attempt.get("started_at"))) or began
        x = (start - began).total_seconds() / whole_seconds * WIDTH
        width = float(attempt.get("duration_seconds") or 0.0) / whole_seconds * WIDTH
        bars.append(Bar(round(min(max(x, 0), WIDTH - 3), 1), round(min(max(width, 3), WIDTH), 1), attempt))
    return bars, None if limit is None else round(limit / whole_seconds * WIDTH, 1)


def _facts(run: Run) -> list[tuple[str, str]]:
    """Return what else is known of a run, in words; what is not known is left out."""
    of_memory = "" if run.memory_of in (TREE, None) else " (its largest process)"
    of_cpu = "" if run.cpu_of in (TREE, None) else " (without detached children)"
    late = late_in_words(run.late_seconds, run.late_parts)
    printed = [
        f"{size(count)} on {stream}"
        for stream, count in (("stdout", run.stdout_bytes), ("stderr", run.stderr_bytes))
        if count
    ]
    dropped = f"{run.log_dropped_bytes:,} bytes dropped, see limits.log_bytes" if run.log_dropped_bytes else ""
    disk = [
        f"{size(count)} {words}" for words, count in (("read", run.read_bytes), ("written", run.written_bytes)) if count
    ]
    found = [
        ("Started by", " ".join(each for each in (run.trigger, f"({run.by})" if run.by else "") if each)),
        ("Late", late.removesuffix(" late").replace(" late: ", ": ")),
        ("CPU", f"{took(run.cpu_seconds)}{of_cpu}" if run.cpu_seconds is not None else ""),
        ("Memory", f"{size(run.memory_bytes)} at most{of_memory}" if run.memory_bytes else ""),
        ("Printed", ", ".join([*printed, *([dropped] if dropped else [])])),
        ("Disk", ", ".join(disk)),
        ("Version", run.version or ""),
        ("Host", run.host or ""),
        ("Slow start", "yes" if run.slow_start else ""),
    ]
    return [(name, words) for name, words in found if words]


ROUTES = [
    Route("/runs/{run_id}", run),
    Route("/runs/{run_id}/events", events),
    Route("/runs/{run_id}/log.txt", text),
    Route("/runs/{run_id}/gap", gap),
    Route("/runs/{run_id}/line", whole),
]
