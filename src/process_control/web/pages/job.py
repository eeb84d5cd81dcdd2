"""Job: one job at length."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.job_secrets import secrets_of
from process_control.config.settings import Settings
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.job import Job
from process_control.core.masking import mask
from process_control.core.measures import size
from process_control.core.moments import day_and_time, parse_iso, took
from process_control.core.roles import OPERATOR, has_rights_of
from process_control.core.schedule.schedule import host_zone
from process_control.crontab.condition import blockers_of_the_trigger
from process_control.errors import JobNotFound, ProcessControlError
from process_control.history.index.index import Index
from process_control.state.followers import followers_of
from process_control.state.past_runs import open_index
from process_control.views.job_status import JobStatus, hold_as_json
from process_control.views.runs_and_slots import runs_and_slots
from process_control.views.show import in_words, next_slots, values_of
from process_control.views.slots import Ledger
from process_control.views.time_words import LocalZone
from process_control.views.versions import versions_of
from process_control.views.why import Asker
from process_control.web.charts import MAX_RUNS, Chart, bars_of, chart
from process_control.web.cursors import cursor_of, place_of
from process_control.web.pages.render import page
from process_control.web.site import Site, caller_of, site_of
from process_control.web.snapshot import Snapshot
from process_control.web.zones import shown, zone_of_page

ROWS = 50
MAX_VERSIONS = 20


class Value(NamedTuple):
    """A value in effect, in words, and where it comes from."""

    key: str
    words: str
    origin: str


def job(request: Request) -> Response:
    site, slug = site_of(request), request.path_params["slug"]
    snapshot = site.watched.now()
    known = next((each for each in snapshot.jobs if each.slug == slug), None)
    zone = (known.time_zone if isinstance(known, Job) else None) or ""
    before = shown.set(zone_of_page(request, zone))  # of the words in charts
    try:
        values = _values(site, snapshot, slug, known, request)
    finally:
        shown.reset(before)
    return page(request, "job.html", values, job_zone=zone)


def _values(
    site: Site, snapshot: Snapshot, slug: str, known: Job | InvalidJob | None, request: Request
) -> dict[str, Any]:
    settings, status = site.settings, snapshot.status(slug)
    sees_values = has_rights_of(caller_of(request).role, OPERATOR)
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, snapshot.jobs, index, now=time.time())
        if known is None and slug not in ledger.known_jobs and not index.runs(jobs=[slug], limit=1):
            raise JobNotFound(f"no such job: {slug}", hint="the overview lists them")
        cursor = request.query_params.get("cursor")
        rows, place = runs_and_slots(index, ledger, slug, limit=ROWS, before=place_of(cursor) if cursor else None)
        asker = Asker(slug, snapshot.jobs, settings, index, ledger, KnownSchedules(settings, _now()), LocalZone())
        return {
            "title": slug,
            "slug": slug,
            "status": status,
            "job": known if isinstance(known, Job) else None,
            "faults": known.error.faults if isinstance(known, InvalidJob) else (),
            "schedules": snapshot.schedules,
            "hold": hold_as_json(status.health) if status is not None else None,
            "why": asker.answer(None, blockers_of_the_trigger(settings, snapshot.jobs, asker.status)),
            "rows": rows,
            "is_first": cursor is None,
            "next": place and cursor_of(place),
            "charts": _charts(index, slug),
            "versions": versions_of(settings, index, slug, known)[:MAX_VERSIONS],
            "is_in_fleet": isinstance(known, Job) and belongs_to_fleet(known.run_on, settings.fleet_address),
            "command": site.command(*(("show", slug) if known is not None else ("history", slug))),
            **_of_the_file(settings, known, status, sees_values=sees_values),
        }


def _of_the_file(
    settings: Settings, known: Job | InvalidJob | None, status: JobStatus | None, *, sees_values: bool
) -> dict[str, Any]:
    """Return what a valid job's file says; empty lists for all others."""
    found: dict[str, Any] = {"config": (), "not_set": (), "environment": {}, "slots": (), "causes": (), "followers": ()}
    if isinstance(known, Job):
        try:
            values = values_of(known, settings)
        except ProcessControlError:  # it has gone since
            return found
        secrets, values_shown = secrets_of(known)[0], known.environment if sees_values else {}
        found |= {
            "config": [Value(each.key, words, each.origin) for each in values if (words := in_words(each))],
            "not_set": [each.key for each in values if not in_words(each)],
            "environment": {name: mask(value, secrets) for name, value in values_shown.items()},
            "slots": next_slots(known, settings, _now()),
            "schedule_zone": known.time_zone or getattr(host_zone(), "key", ""),
            "causes": known.after,
        }
    if status is not None:
        found["followers"] = followers_of(settings, status.slug)
    return found


def _charts(index: Index, slug: str) -> list[Chart]:
    """Return the charts of duration and memory of the last runs that were not skipped."""
    runs = index.runs(jobs=[slug], outcomes=["succeeded", "warned", "failed", "lost"], limit=MAX_RUNS)
    wanted = [
        chart("How long its runs took", "Duration", bars_of(runs, lambda run: run.duration_seconds, _when), took),
        chart("Memory of its runs", "Memory", bars_of(runs, lambda run: run.memory_bytes, _when), size),
    ]
    return [each for each in wanted if each is not None]


def _when(moment: str) -> str:
    return day_and_time(parse_iso(moment), _now(), shown.get().zone)


def _now() -> datetime:
    return datetime.now(UTC)


ROUTES = [Route("/jobs/{slug}", job)]
