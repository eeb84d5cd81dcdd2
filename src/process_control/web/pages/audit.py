"""Audit: who did what, newest first, from the journal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process_control.config.settings import Settings
from process_control.core import records
from process_control.core.job import is_slug
from process_control.errors import JobNotFound, UsageError
from process_control.history.journal_reader import Record, newest
from process_control.notify.syslog_line import sentence_for_people
from process_control.state.past_runs import open_index
from process_control.views.selected_jobs import select_slugs
from process_control.views.time_words import moment_of_flag
from process_control.web.access.audit import EVENT
from process_control.web.access.caller import Caller
from process_control.web.cursors import cursor_of, place_of
from process_control.web.pages.render import page
from process_control.web.site import caller_of, site_of

ROWS = 100
#: Logins, and what else somebody does to the page itself: for admins.
FOR_ADMINS = (EVENT,)
#: The choice of what people did, and what that is.
PEOPLE = "people"
BY_PEOPLE = ("hold", "release", "stop", "silence", "mark", "incident", *FOR_ADMINS)
NAMES = ("job", "event", "since", "until")


class Entry(NamedTuple):
    """One line: a record in words, and what it leads to."""

    at: str
    event: str
    job: str
    what: str
    by: str
    note: str
    run_id: str
    incident: str


def audit(request: Request) -> Response:
    site, parameters = site_of(request), request.query_params
    asked = {name: parameters.get(name, "").strip() for name in NAMES}
    events = events_of(caller_of(request), asked["event"])
    cursor = parameters.get("cursor")
    trouble, entries, place = None, list[Entry](), None
    try:
        entries, place = read_audit(site.settings, asked, events, place_of(cursor) if cursor else None)
    except (JobNotFound, UsageError) as error:
        trouble = error.faults[0]
    values: dict[str, Any] = {
        "title": "Audit",
        "asked": asked,
        "entries": entries,
        "trouble": trouble,
        "choices": events_of(caller_of(request), ""),
        "people": PEOPLE,
        "next": place and urlencode({**{k: v for k, v in asked.items() if v}, "cursor": cursor_of(place)}),
        "newest": urlencode({k: v for k, v in asked.items() if v}) if cursor else None,
        "command": site.command("audit", *_words(asked)),
    }
    return page(request, "audit.html", values)


def events_of(caller: Caller, asked: str) -> Sequence[str]:
    """Return the events that a caller may see and asks for. Raises UsageError (2)."""
    seen = [event for event in records.EVENTS if event not in records.NOT_IN_JOURNAL]
    seen = [event for event in seen if caller.is_admin or event not in FOR_ADMINS]
    if not asked:
        return seen
    wanted = BY_PEOPLE if asked == PEOPLE else (asked,)
    found = [event for event in seen if event in wanted]
    if not found:
        raise UsageError(f"event {asked}: no such event", hint=", ".join(seen))
    return found


def read_audit(
    settings: Settings, asked: dict[str, str], events: Sequence[str], before: tuple[str, str] | None
) -> tuple[list[Entry], tuple[str, str] | None]:
    """Return the newest entries, and the place behind which the next ones are. Raises JobNotFound, UsageError.

    A place is a time and how many records of that time were shown.
    """
    now = datetime.now(UTC)
    since = moment_of_flag("since", asked["since"], now) if asked["since"] else ""
    until = moment_of_flag("until", asked["until"], now) if asked["until"] else "~"
    skip = 0
    if before is not None:
        until, skip = min(until, before[0]), _whole(before[1])
    jobs = _jobs(settings, asked["job"]) if asked["job"] else None
    state = settings.state_directory
    found = newest(state, since=since, until=until, jobs=jobs, events=events, count=ROWS + skip + 1)
    left = found[: len(found) - skip] if skip else found
    shown = left[-ROWS:]
    if len(left) <= ROWS:
        return [_entry(each) for each in reversed(shown)], None
    at = str(shown[0]["at"])
    same = sum(each["at"] == at for each in shown) + (skip if at == until else 0)
    return [_entry(each) for each in reversed(shown)], (at, str(same))


def _jobs(settings: Settings, word: str) -> Sequence[str] | None:
    """Return the jobs that a word names; one whose file is gone too."""
    with open_index(settings.state_directory) as index:
        try:
            return select_slugs(settings, [word], index)
        except JobNotFound:
            if is_slug(word):
                return [word]
            raise


def _entry(record: Record) -> Entry:
    def text(name: str) -> str:
        value = record.get(name)
        return value if isinstance(value, str) else ""

    what = sentence_for_people(record)
    note = text("note") if text("note") not in what else ""
    return Entry(text("at"), text("event"), text("job"), what, text("by"), note, text("run_id"), text("incident"))


def _words(asked: dict[str, str]) -> list[str]:
    words = [asked["job"]] if asked["job"] else []
    wanted = BY_PEOPLE if asked["event"] == PEOPLE else (asked["event"],) if asked["event"] else ()
    words += [word for event in wanted if event in records.EVENTS for word in ("--event", event)]
    return words + [word for name in ("since", "until") if asked[name] for word in (f"--{name}", asked[name])]


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise UsageError("cursor: not one of ours", hint="follow the link below the list")
    return int(text)


ROUTES = [Route("/audit", audit)]
