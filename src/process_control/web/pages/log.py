"""The output of a run: a page of it, a search, all of it as text, one line as text."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from process_control.core.job import is_slug
from process_control.errors import JobNotFound, ProcessControlError, UsageError
from process_control.history.index.past_run import Run
from process_control.history.log_line import STDERR, STDOUT, Line
from process_control.history.log_map import first_gap
from process_control.history.log_reader import GZIP
from process_control.history.log_rows import BOTH
from process_control.notify.message import escape_controls
from process_control.views.log_lines import KeptRun, RunLogs
from process_control.views.log_pages import (
    LogOfRun,
    Page,
    log_of_run,
    page_after,
    page_around,
    page_before,
    whole_line,
)
from process_control.web import answers
from process_control.web.log_html import NONE, WAYS, Times, row_html, rows_html
from process_control.web.log_search import search_back
from process_control.web.site import site_of
from process_control.web.zones import ShownZone, named_zone

STREAMS = {"": BOTH, "stdout": (STDOUT,), "stderr": (STDERR,)}
#: Text that is sent at once.
BLOCK_CHARACTERS = 64 << 10


def output_of(request: Request, run: Run, zone: ShownZone) -> dict[str, Any]:
    """Return what the template shows of the output; where it cannot be shown, why. `zone`: that of clock times."""
    site, parameters = site_of(request), request.query_params
    stream, times = stream_of(request), Times(way_of_times(request), zone.zone)
    kept = {name: value for name, value in (("stream", stream), ("times", times.way)) if value not in ("", NONE)}
    values: dict[str, Any] = {
        "stream": stream,
        "times": times.way,
        "grep": parameters.get("grep", ""),
        "link": lambda **others: "?" + urlencode({k: v for k, v in {**kept, **others}.items() if v not in ("", NONE)}),
        "why_no_log": "",
        "hits": None,
        "last_seconds": None,
        "log": None,
        "live": "",
        "hint": "",
    }
    try:
        log = log_of_run(site.settings, run)
        if values["grep"]:
            values |= {"log": log, **_found(log, request, times)}
            return values
        shown = _page(log, request)
    except (UsageError, OSError) as error:
        return values | {"why_no_log": str(error), "log": None}
    except ProcessControlError as error:
        return values | {"why_no_log": f"{error.faults[0].what}", "hint": error.faults[0].hint}
    rows = rows_html(log, shown.rows, times) + rows_html(log, shown.begun, times, is_begun=True)
    values |= {"log": log, "page": shown, "rows": rows}
    if shown.at is not None:
        values["last_seconds"] = max((row.seconds or 0 for row in (*shown.rows, *shown.begun)), default=None)
    if log.is_growing and shown.at is not None:
        query = urlencode({**kept, "zone": zone.name, "last": str(shown.at)})
        values["live"] = f"/runs/{run.run_id}/events?{query}"
    return values


def _page(log: LogOfRun, request: Request) -> Page:
    streams = STREAMS[stream_of(request)]
    if (offset := byte_of(request, "at")) is not None:
        return page_around(log, offset, streams=streams)
    if (offset := byte_of(request, "after")) is not None:
        return page_after(log, offset, streams=streams)
    return page_before(log, byte_of(request, "before"), streams=streams)


def _found(log: LogOfRun, request: Request, times: Times) -> dict[str, Any]:
    found = search_back(
        log,
        request.query_params["grep"],
        streams=STREAMS[stream_of(request)],
        before=byte_of(request, "before"),
    )
    hits = [
        (
            rows_html(log, hit.before, times),
            row_html(log, hit.line, times, is_hit=True),
            rows_html(log, hit.after, times),
        )
        for hit in found.hits
    ]
    return {"hits": hits, "found": found}


# --- as text ---------------------------------------------------------------------------------------------------------


def text(request: Request) -> Response:
    """All of the output as text, as `logs` prints it."""
    site, run_id = site_of(request), request.path_params["run_id"]
    run = answers.run(site.settings, run_id)
    log = log_of_run(site.settings, run)
    logs = RunLogs(site.settings, streams=STREAMS[stream_of(request)])
    with_times = way_of_times(request) != NONE

    def printed() -> Iterator[str]:
        for each in logs.lines(KeptRun(run.started_at, run.run_id, run.job, log.path)):
            yield f"{each.stamp}\t{each.text}" if with_times else each.text
            if each.line.ends or each.line.dropped:
                yield "\n"

    name = f"{run.job if is_slug(run.job) else 'run'}-{run.run_id}.txt"
    return _streamed(printed(), {"content-disposition": f'attachment; filename="{name}"'})


def gap(request: Request) -> Response:
    """Lead to the place where output was dropped. Raises JobNotFound (66)."""
    site, run_id = site_of(request), request.path_params["run_id"]
    log = log_of_run(site.settings, answers.run(site.settings, run_id))
    try:
        offset = first_gap(log.path.removesuffix(GZIP))
    except OSError:
        offset = None
    if offset is None:
        raise JobNotFound(f"where output of run {run_id} was dropped is not known")
    return RedirectResponse(f"/runs/{run_id}?at={offset}#D{offset}", 303)


def whole(request: Request) -> Response:
    """One line as text, however long it is."""
    site, offset = site_of(request), byte_of(request, "at")
    run = answers.run(site.settings, request.path_params["run_id"])
    if offset is None:
        raise UsageError("at: the byte where the line begins")
    lines: Iterator[Line] = whole_line(log_of_run(site.settings, run), offset)
    return _streamed(escape_controls(each.text.decode("utf-8", "backslashreplace")) for each in lines)


def _streamed(pieces: Iterator[str], headers: dict[str, str] | None = None) -> Response:
    def blocks() -> Iterator[bytes]:
        waiting, count = [], 0
        for piece in pieces:
            waiting.append(piece)
            count += len(piece)
            if count >= BLOCK_CHARACTERS:
                yield "".join(waiting).encode("utf-8", "replace")
                waiting, count = [], 0
        yield "".join(waiting).encode("utf-8", "replace")

    return StreamingResponse(blocks(), media_type="text/plain; charset=utf-8", headers=headers)


# --- parameters ------------------------------------------------------------------------------------------------------


def stream_of(request: Request) -> str:
    stream = request.query_params.get("stream", "")
    if stream not in STREAMS:
        raise UsageError(f"stream {stream}: no such stream", hint="stdout or stderr")
    return stream


def way_of_times(request: Request) -> str:
    way = request.query_params.get("times", NONE)
    if way not in WAYS:
        raise UsageError(f"times {way}: no such way", hint=", ".join(WAYS))
    return way


def times_of_events(request: Request) -> Times:
    """Return the times that the page had when it was opened: a zone chosen since then is not mixed into it."""
    return Times(way_of_times(request), named_zone(request.query_params.get("zone", "")))


def byte_of(request: Request, name: str) -> int | None:
    """Return a place in a log. Raises UsageError (2)."""
    word = request.query_params.get(name, "")
    if not word:
        return None
    if not (word.isascii() and word.isdigit() and len(word) < 19):
        raise UsageError(f"{name}: a number of bytes")
    return int(word)
