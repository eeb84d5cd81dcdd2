"""Overview: how all jobs stand, worst first, with the reason in words."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.core.job_state import NEEDS_ATTENTION, WORST_FIRST
from process_control.views.headline import headline
from process_control.views.job_status import JobStatus
from process_control.views.open_incidents import count_in_words
from process_control.web import answers
from process_control.web.filters import Filter
from process_control.web.pages.render import page
from process_control.web.site import site_of

#: Rows of one screen; the others are a click away.
ROWS = 100


def overview(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    snapshot = site.watched.now()
    wanted = Filter.of(parameters)
    chosen = wanted.chosen(snapshot.statuses)
    part = answers.part_of_jobs(chosen, ROWS, parameters.get("cursor"))
    counts = Counter(each.state for each in snapshot.statuses)
    values = {
        "snapshot": snapshot,
        "headline": headline(snapshot.statuses, snapshot.schedules.now),
        "incidents": count_in_words(site.settings.state_directory),
        "rows": part.rows,
        "running": [each for each in snapshot.statuses if each.running is not None],
        "count": len(chosen),
        "counts": [(state, counts[state]) for state in WORST_FIRST if counts[state]],
        "needs_attention": NEEDS_ATTENTION,
        "filter": wanted,
        "tags": _tags(snapshot.statuses),
        "owners": _owners(snapshot.statuses),
        "next": part.next,
        "command": site.command("status"),
    }
    return page(request, "overview_rows.html" if "rows" in parameters else "overview.html", values)


def _tags(statuses: Sequence[JobStatus]) -> list[str]:
    return sorted({tag for each in statuses if each.definition is not None for tag in each.definition.tags})


def _owners(statuses: Sequence[JobStatus]) -> list[str]:
    return sorted({each.definition.owner for each in statuses if each.definition is not None and each.definition.owner})


async def events(request: Request) -> Response:
    """Send the number of the snapshot, each time that something else is shown."""
    live, last = site_of(request).live, _last_id(request)

    async def sending() -> AsyncIterator[ServerSentEvent]:
        async for number in live.numbers(last):
            yield ServerSentEvent(str(number), event="standing", id=str(number), retry=2000)

    return EventSourceResponse(sending(), ping=15)


def _last_id(request: Request) -> int:
    text = request.headers.get("last-event-id", "") or request.query_params.get("last", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


ROUTES = [Route("/", overview), Route("/events", events)]
