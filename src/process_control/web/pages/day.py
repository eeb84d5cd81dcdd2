"""Day: all jobs of a day as lanes: past, planned, skipped, missed, collisions, quiet windows, clock changes."""

import pickle
from datetime import UTC, date, datetime, timedelta, tzinfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.errors import UsageError
from process_control.web.day_picture import MAX_NAMED, background, clock_of, hours_of
from process_control.web.day_reading import Asked, Picture
from process_control.web.kept import Kept
from process_control.web.pages.render import page
from process_control.web.site import Site, site_of
from process_control.web.zones import zone_of_page

#: Rows of one screen; the others are a click away.
ROWS = 120
LISTED = 12


def day(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    zone = zone_of_page(request, None)
    wanted = Asked(
        date_of(parameters.get("date", ""), zone.zone), parameters.get("job", "").strip(), parameters.get("tag", "")
    )
    kept: Kept[Picture] = request.app.state.days
    found = kept.get((wanted, str(zone.zone)), lambda: _read(site, wanted, zone.zone))
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
        "tags": found.tags,
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


def _read(site: Site, wanted: Asked, zone: tzinfo | None) -> Picture:
    _, payload = site.days.ask("screen", site.settings, wanted, zone)
    with payload:
        found: Picture = pickle.load(payload)
    return found


def _words_of_command(wanted: Asked) -> list[str]:
    words = [wanted.job] if wanted.job else []
    words += [f"tag:{wanted.tag}"] if wanted.tag and not words else []
    return [word for each in words for word in ("--job", each)]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


ROUTES = [Route("/day", day)]
