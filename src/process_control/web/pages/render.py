"""Templates, and what all of them may use: times for people, escaped text, marks of outcomes."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from process_control import __version__
from process_control.core.facts import FAILED, LOST, SKIPPED, SUCCEEDED, WARNED
from process_control.core.measures import size
from process_control.core.moments import (
    ago,
    clock,
    day_and_time,
    due,
    in_local_time,
    parse_iso,
    since,
    span,
    took,
    until,
)
from process_control.notify.message import escape_controls
from process_control.web.remedies import remedy_of
from process_control.web.site import caller_of, site_of
from process_control.web.zones import WORDS, shown, zone_of_page

#: The mark of an outcome; a word for it stands beside or in its title, for whoever cannot see colours.
MARKS = {SUCCEEDED: "✓", WARNED: "!", FAILED: "✗", LOST: "?", SKIPPED: "–", None: "▸"}
#: Of a reason in a list; the page of the job has all.
MAX_LINES = 4
ADDRESS = re.compile(r"(https?://[^\s<>\"']+)")
OUTCOME_WORDS = {None: "running"}


@cache
def environment() -> jinja2.Environment:
    """Return the environment of all templates. Everything is escaped unless it is Markup."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("process_control.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "plain": plain,
        "first_lines": first_lines,
        "ago": lambda text: ago(_moment(text), _now(), shown.get().zone),
        "until": lambda text: until(_moment(text), _now(), shown.get().zone),
        "since": lambda text: since(_moment(text), _now(), shown.get().zone),
        "due": lambda text: due(_moment(text), _now(), shown.get().zone),
        "at": lambda text: day_and_time(_moment(text), _now(), shown.get().zone),
        "local": lambda text: plain(in_local_time(text or "", _now(), shown.get().zone)),
        "moment": moment_words,
        "linked": linked,
        "remedy": remedy_of,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "span_to": span_to,
        "time_left": lambda moment: f"in {span(max((moment - _now()).total_seconds(), 0))}",
        "took": took,
        "seconds_since": lambda text: (_now() - (_moment(text) or _now())).total_seconds(),
        "size": lambda count: "" if count is None else size(count),
        "mark": lambda outcome: MARKS.get(outcome, "?"),
        "outcome": lambda outcome: OUTCOME_WORDS.get(outcome, outcome),
        "stamp": stamp,
    }
    found.filters |= filters
    return found


def page(
    request: Request, template: str, values: Mapping[str, Any], *, status: int = 200, job_zone: str | None = None
) -> Response:
    """Return a page. Every template also gets the caller, the site and the time.

    `job_zone`: the name of the zone of the job that the page is about.
    """
    site = site_of(request)
    caller = getattr(request.state, "caller", None)
    zone = zone_of_page(request, job_zone)
    before = shown.set(zone)
    try:
        text = (
            environment()
            .get_template(template)
            .render(
                caller=caller,
                site=site,
                path=request.url.path,
                address=f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
                version=__version__,
                clock=clock(_now(), zone.zone),
                zone=zone,
                zone_words=WORDS,
                may_act=caller is not None and caller.acts and not site.read_only,
                **values,
            )
        )
    finally:
        shown.reset(before)
    return Response(text.encode("utf-8", "replace"), status_code=status, media_type="text/html")


def form_token(request: Request) -> str:
    return caller_of(request).form_token


def plain(text: object) -> str:
    """Return text of anybody's on a page: control characters and what turns the direction of text are shown."""
    return escape_controls("" if text is None else str(text))


def first_lines(text: str) -> str:
    """Return the first lines of a reason, for a list."""
    lines = text.split("\n")
    return text if len(lines) <= MAX_LINES else "\n".join([*lines[: MAX_LINES - 1], "…"])


def linked(text: object) -> Markup:
    """Return the same with links to http:// and https://, and to nothing else."""
    found = Markup("")
    for number, part in enumerate(ADDRESS.split("" if text is None else str(text))):
        if number % 2 == 0:
            found += plain(part)
            continue
        address = part.rstrip(".,;:!?)]}")
        link = Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>').format(plain(address))
        found += link + plain(part[len(address) :])
    return found


def stamp(moment: datetime | str | None) -> Markup:
    """Return a time for people, with the whole time for machines and as a title."""
    found = _moment(moment)
    if found is None:
        return Markup("")
    now, zone = _now(), shown.get().zone
    words = ago(found, now, zone) if found <= now else until(found, now, zone)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", words
    )


def span_to(begin: str | None, end: str | None) -> str:
    """Return how long it is from one time to the other."""
    first, last = parse_iso(begin), parse_iso(end)
    return "" if first is None or last is None else span((last - first).total_seconds())


def moment_words(moment: datetime | str | None) -> Markup:
    """Return a time as a clock shows it, `Sat 03:28`, with the whole time for machines and as a title."""
    found = _moment(moment)
    if found is None:
        return Markup("")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", day_and_time(found, _now(), shown.get().zone)
    )


def _moment(value: datetime | str | None) -> datetime | None:
    return parse_iso(value) if isinstance(value, str) else value


def _now() -> datetime:
    return datetime.now(UTC)
