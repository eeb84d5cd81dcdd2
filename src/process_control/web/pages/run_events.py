"""What a run prints, as server-sent events: the id of each is the place in the log from which the next one follows."""

import os
from collections.abc import AsyncIterator

from anyio import to_thread
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from process_control.history.log_rows import At
from process_control.views.log_pages import LogOfRun, log_of_run
from process_control.web import answers
from process_control.web.pages.log import stream_of, times_of_events
from process_control.web.run_feed import RunFeed
from process_control.web.site import site_of

RETRY_MILLISECONDS, PING_SECONDS = 1000, 15
LETTERS = {"stdout": "o", "stderr": "e", "": ""}


async def events(request: Request) -> Response:
    """Send `rows` with the lines that come, and `end` when the run has ended."""
    site, run_id = site_of(request), request.path_params["run_id"]
    times, stream = times_of_events(request), LETTERS[stream_of(request)]

    def look() -> tuple[LogOfRun, At]:
        log = log_of_run(site.settings, answers.run(site.settings, run_id))
        return log, _place(request, log)

    log, at = await to_thread.run_sync(look)
    feed = site.live.feed(run_id, lambda: RunFeed(site.settings, log))

    async def sending() -> AsyncIterator[ServerSentEvent]:
        async for shown in feed.news(at):
            if shown is None:
                yield ServerSentEvent("", event="end")
                return
            rows, begun = await to_thread.run_sync(shown.html, times, stream)
            yield ServerSentEvent(f"{rows}\n{begun}", event="rows", id=str(shown.news.at), retry=RETRY_MILLISECONDS)

    return EventSourceResponse(sending(), ping=PING_SECONDS)


def _place(request: Request, log: LogOfRun) -> At:
    """Return from where on a page wants the log: after a lost connection the browser says what it had."""
    word = request.headers.get("last-event-id") or request.query_params.get("last", "")
    size = os.stat(log.path).st_size
    at = At.of(word) or At()
    return at if at.position <= size else At(size, size)
