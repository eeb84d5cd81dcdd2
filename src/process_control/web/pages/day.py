"""Day: all jobs of a day as lanes: past, planned, skipped, missed, collisions, quiet windows, clock changes."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.core.day import Day
from process_control.core.job import Job
from process_control.errors import JobNotFound, UsageError
from process_control.state.past_runs import open_index
from process_control.views.day import read_day
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Ledger
from process_control.views.time_words import LocalZone
from process_control.web.day_picture import (
    MAX_NAMED,
    Hour,
    Row,
    background,
    by_hour,
    clock_of,
    counted,
    hours_of,
    rows_of,
)
from process_control.web.kept import Kept
from process_control.web.pages.render import page
from process_control.web.site import Site, site_of
from process_control.web.standing import Standing
from process_control.web.zones import zone_of_page

#: Rows of one screen; the others are a click away.
ROWS = 120
#: Jobs that are named for each hour and kind.
NAMED = 8
LISTED = 12


class Asked(NamedTuple):
    """The day, and which jobs of it."""

    date: date
    job: str
    tag: str

    def query(self, *, days: int = 0, **others: str) -> str:
        """Return this, so many days later, as the part of an address behind its ?."""
        values = {"date": f"{self.date + timedelta(days=days)}", "job": self.job, "tag": self.tag, **others}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is shown of a day; its stretches, which may be many, are not kept."""

    day: Day
    rows: Sequence[Row]
    by_hour: Sequence[Hour]
    summary: str
    #: The jobs for which the day is excluded, with the reason.
    excluded: Sequence[tuple[str, str]]


def day(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    zone = zone_of_page(request, None)
    wanted = Asked(
        date_of(parameters.get("date", ""), zone.zone), parameters.get("job", "").strip(), parameters.get("tag", "")
    )
    standing = site.watched.now()
    kept: Kept[Picture] = request.app.state.days
    found = kept.get((wanted, str(zone.zone)), lambda: _read(site, standing, wanted, zone.zone))
    day, first = found.day, _whole(parameters.get("from", ""))
    left = found.rows[first + ROWS :]
    values = {
        "title": f"{wanted.date:%A %d %B %Y}",
        "asked": wanted,
        "found": found,
        "day": day,
        "rows": found.rows[first : first + ROWS],
        "first": first,
        "jobs_left": sum(len(row.jobs) for row in left),
        "page_rows": ROWS,
        "max_named": MAX_NAMED,
        "behind": background(day),
        "hours": [clock_of(day.begin + hour * 3600, zone.zone)[:2] for hour in range(hours_of(day))],
        "clock_of": lambda moment: clock_of(moment, zone.zone),
        "as_moment": lambda moment: datetime.fromtimestamp(moment, UTC),
        "listed": LISTED,
        "tags": sorted({tag for job in standing.jobs if isinstance(job, Job) for tag in job.tags}),
        "command": site.command("day", f"{wanted.date}", *_words_of_command(wanted)),
    }
    return page(request, "day.html", values)


def date_of(text: str, zone: tzinfo | None) -> date:
    """Return the day that somebody asks for. Raises UsageError (2)."""
    today = datetime.now(UTC).astimezone(zone).date()
    near = {"": 0, "today": 0, "yesterday": -1, "tomorrow": 1}.get(text.strip().lower())
    try:
        found = today + timedelta(days=near) if near is not None else date.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or not 1971 <= found.year < 9000:
        raise UsageError(f"date {text}: not a day", hint="today, yesterday, tomorrow, or 2026-03-01")
    return found


def bounds(day: date, zone: tzinfo | None) -> tuple[float, float]:
    """Return when a day begins in a zone and when the next one does, in UTC seconds."""
    ends = (datetime(each.year, each.month, each.day) for each in (day, day + timedelta(days=1)))  # noqa: DTZ001
    begin, end = ((each.astimezone() if zone is None else each.replace(tzinfo=zone)).timestamp() for each in ends)
    return begin, end


def _read(site: Site, standing: Standing, wanted: Asked, zone: tzinfo | None) -> Picture:
    settings, (begin, end) = site.settings, bounds(wanted.date, zone)
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, standing.jobs, index, now=time.time())
        words, slugs = [wanted.job] if wanted.job else [], list[str]()
        with suppress(JobNotFound):  # the page says that there is none
            slugs = select_known(settings, words, standing.jobs, {*index.jobs(), *ledger.known_jobs})
        if wanted.tag:
            tagged = {job.slug for job in standing.jobs if isinstance(job, Job) and wanted.tag in job.tags}
            slugs = [slug for slug in slugs if slug in tagged]
        ends = {"begin": begin, "end": end}
        found = read_day(settings, standing.jobs, slugs, index, ledger, **ends, zone=zone or LocalZone())
        excluded = _excluded(ledger, standing, set(slugs), (begin + end) / 2)
    rows = rows_of(found, zone)
    return Picture(
        day=replace(found, lanes=[]),
        rows=rows,
        by_hour=by_hour(found, NAMED),
        summary=_summary(found, rows),
        excluded=excluded,
    )


def _excluded(ledger: Ledger, standing: Standing, slugs: set[str], noon: float) -> list[tuple[str, str]]:
    found = []
    for job in standing.jobs:
        versions = ledger.versions(job.slug) if isinstance(job, Job) and job.exclude and job.slug in slugs else ()
        plan = versions[-1].plan if versions else None
        if plan is not None and (why := plan.excluded_by(int(noon))):
            found.append((job.slug, why))
    return found


def _summary(day: Day, rows: Sequence[Row]) -> str:
    """Return the day in a sentence."""
    numbers = counted(each for lane in day.lanes for each in lane.stretches)
    if not numbers:
        return "Nothing ran, and nothing is planned."
    words = ", ".join(f"{count:,} {kind}" for kind, count in numbers)
    jobs = "1 job" if len(day.lanes) == 1 else f"{len(day.lanes):,} jobs"
    same = f" in {len(rows):,} lanes: those that look alike are one" if len(rows) < len(day.lanes) else ""
    return f"{jobs}{same}. {words}."


def _words_of_command(wanted: Asked) -> list[str]:
    words = [wanted.job] if wanted.job else []
    words += [f"tag:{wanted.tag}"] if wanted.tag and not words else []
    return [word for each in words for word in ("--job", each)]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


ROUTES = [Route("/day", day)]
