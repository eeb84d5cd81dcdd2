"""The answers of the API: the same values, by the same views, as `--json` prints."""

import base64
import binascii
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from process_control.config.all_jobs import load_all
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.settings import Settings
from process_control.core.facts import OUTCOMES
from process_control.core.moments import parse_iso
from process_control.core.schedule.slots import FATES
from process_control.crontab.condition import blockers_of_the_trigger
from process_control.errors import JobNotFound, UsageError
from process_control.history.index.past_run import Run
from process_control.state.past_runs import open_index
from process_control.system.clock import iso
from process_control.views.asked_time import asked_time
from process_control.views.incidents import Incidents, Seen
from process_control.views.job_status import JobStatus
from process_control.views.selected_jobs import select_known, select_slugs
from process_control.views.slots import Account, Ledger
from process_control.views.time_words import LocalZone, moment_of_flag
from process_control.views.why import Asker, Why
from process_control.web.filters import Filter
from process_control.web.snapshot import Snapshot, Watched

RUNNING = "running"
DEFAULT_LIMIT, MAX_LIMIT = 50, 1000


Value = TypeVar("Value")
#: The place of a planned time in a list: UTC seconds, and the job.
Row = tuple[int, str]
FIRST_WINDOW_SECONDS = 900.0
MAX_SECONDS = 1 << 40


class Part(NamedTuple):
    """Some rows of a list, and where the next ones begin."""

    rows: Sequence[Any]
    #: None: these are the last ones.
    next: str | None


# --- jobs ------------------------------------------------------------------------------------------------------------


def jobs_json(snapshot: Snapshot, statuses: Sequence[JobStatus]) -> dict[str, Any]:
    """Return the answer of `status --json`, of some jobs."""
    return {
        "alerts": list(snapshot.alerts),
        "in_charge": snapshot.charge.to_json(),
        "jobs": [status.to_json(snapshot.schedules) for status in statuses],
    }


def part_of_jobs(statuses: Sequence[JobStatus], limit: int, cursor: str | None) -> Part:
    """Return some of the jobs, worst first. The cursor names the job before; where it has moved, it is looked for."""
    begin = 0
    if cursor is not None:
        slug = decoded(cursor)
        found = next((number for number, each in enumerate(statuses) if each.slug == slug), None)
        begin = len(statuses) if found is None else found + 1
    rows = statuses[begin : begin + limit]
    has_more = begin + limit < len(statuses)
    return Part(rows, encoded(rows[-1].slug) if has_more and rows else None)


def part_of_a_walk(watched: Watched, snapshot: Snapshot, wanted: Filter, limit: int, cursor: str | None) -> Part:
    """Return some of the jobs in the order of the moment at which the first part was read: each comes once."""
    number, _, last = decoded(cursor).partition(" ") if cursor is not None else (str(snapshot.number), "", "")
    slugs = watched.order_of(_whole(number)) if cursor is not None else None
    if slugs is None:  # the first part, or one after so long that the order is forgotten
        number, slugs = str(snapshot.number), [each.slug for each in snapshot.statuses]
    begin = slugs.index(last) + 1 if last in slugs else 0
    known = {each.slug: each for each in snapshot.statuses}
    rows = list(islice(wanted.chosen_of(known[slug] for slug in slugs[begin:] if slug in known), limit + 1))
    has_more = len(rows) > limit
    if has_more:
        watched.keep_order(snapshot) if cursor is None else None
    return Part(rows[:limit], encoded(f"{number} {rows[limit - 1].slug}") if has_more else None)


# --- runs ------------------------------------------------------------------------------------------------------------


def runs(
    settings: Settings,
    *,
    words: Sequence[str] = (),
    since: str | None = None,
    outcomes: Sequence[str] = (),
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Part:
    """Return runs, newest first. Raises JobNotFound (66), UsageError (2)."""
    for outcome in outcomes:
        if outcome not in (*OUTCOMES, RUNNING):
            raise UsageError(f"outcome {outcome}: no such outcome", hint=f"one of {', '.join((*OUTCOMES, RUNNING))}")
    earliest = None if since is None else time_of("since", since, datetime.now(UTC))
    with open_index(settings.state_directory) as index:
        found = index.runs(
            jobs=select_slugs(settings, words, index),
            since=earliest,
            outcomes=list(outcomes) or None,
            limit=limit + 1,
            before=None if cursor is None else _place(cursor),
        )
    rows = found[:limit]
    more = len(found) > limit and bool(rows)
    return Part(rows, encoded(f"{rows[-1].started_at} {rows[-1].run_id}") if more else None)


def run(settings: Settings, run_id: str) -> Run:
    """Return one run by its whole id. Raises JobNotFound (66)."""
    with open_index(settings.state_directory) as index:
        found = index.runs_by_id([run_id])
    if run_id not in found:
        raise JobNotFound(f"no run '{run_id}'", hint="list run ids: process-control history")
    return found[run_id]


# --- the ledger ------------------------------------------------------------------------------------------------------


def why(settings: Settings, word: str, at: str | None) -> Why:
    """Return why a job does not run now, or did not run at a time. Raises JobNotFound (66), UsageError (2)."""
    now = datetime.now(UTC)
    asked = None if at is None else asked_time(at, now)
    schedules = KnownSchedules(settings, now)
    with open_index(settings.state_directory) as index:
        jobs = load_all(settings)
        ledger = Ledger(settings, jobs, index, now=now.timestamp())
        named = select_known(settings, [word], jobs, [*ledger.known_jobs, *index.jobs()])
        if len(named) > 1:
            raise UsageError(f"'{word}' names {len(named)} jobs", hint=f"one of: {', '.join(named[:8])}")
        asker = Asker(named[0], jobs, settings, index, ledger, schedules, LocalZone())
        blockers = blockers_of_the_trigger(settings, jobs, asker.status) if asked is None else []
        return asker.answer(asked, blockers)


def slots(
    settings: Settings,
    *,
    words: Sequence[str],
    since: str,
    until: str | None,
    fates: Sequence[str],
    limit: int,
    cursor: str | None,
) -> Part:
    """Return planned times and their fates, newest first. Raises JobNotFound (66), UsageError (2)."""
    for fate in fates:
        if fate not in FATES:
            raise UsageError(f"fate {fate}: no such fate", hint=f"one of {', '.join(FATES)}")
    now = datetime.now(UTC)
    after = _seconds(time_of("since", since, now)) - 1
    end = now.timestamp() if until is None else _seconds(time_of("until", until, now))
    if end <= after and until is not None:
        raise UsageError(f"until {until} is before since {since}")
    known: Row = (MAX_SECONDS, "")
    if cursor is not None:
        moment, _, job = decoded(cursor).partition(" ")
        known = _whole(moment), job
        end = min(end, known[0])
    with open_index(settings.state_directory) as index:
        loaded = load_all(settings)
        ledger = Ledger(settings, loaded, index, now=now.timestamp())
        slugs = select_known(settings, words, loaded, [*ledger.known_jobs, *(index.jobs() if words else ())])
        begins = [each for slug in slugs if (each := ledger.begins(slug)) is not None]
        first = max(after, min(begins, default=end) - 1)
        rows: list[Account] = []
        for begin, until_here in _windows(first, end):
            found = ledger.accounts(slugs, after=begin, until=until_here)
            found.reverse()
            rows += [each for each in found if each.slot.fate in (fates or FATES) and _row(each) < known]
            if len(rows) > limit:
                break
    more = len(rows) > limit
    return Part(rows[:limit], encoded(f"{rows[limit - 1].slot.slot} {rows[limit - 1].slot.job}") if more else None)


def _row(account: Account) -> Row:
    return account.slot.slot, account.slot.job


def _windows(after: float, until: float) -> Iterator[tuple[float, float]]:
    """Yield parts of (after, until], the last one first, each longer than the one before.

    Whoever wants some rows of a long time does not wait for all of it.
    """
    length = FIRST_WINDOW_SECONDS
    while until > after:
        begin = max(after, until - length)
        yield begin, until
        until, length = begin, length * 4


def day_bounds(text: str, now: datetime) -> tuple[float, float]:
    """Return when the day begins and when the next one does, in UTC seconds. Raises UsageError (2)."""
    if text.strip().lower() == "tomorrow":
        text = f"{(now.astimezone().replace(tzinfo=None) + timedelta(days=1)):%Y-%m-%d}"
    moment = datetime.fromisoformat(time_of("date", text, now)).astimezone().replace(tzinfo=None)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone().timestamp(), (midnight + timedelta(days=1)).astimezone().timestamp()


# --- incidents -------------------------------------------------------------------------------------------------------


def incidents(settings: Settings, *, with_closed: bool, words: Sequence[str] = ()) -> list[Seen]:
    """Return incidents, newest first. Raises JobNotFound (66)."""
    known = Incidents(settings, now=iso(time.time()))
    slugs = None
    if words:
        with open_index(settings.state_directory) as index:
            slugs = select_slugs(settings, words, index)
    return known.all(with_closed=with_closed, jobs=slugs)


def part_of_incidents(
    settings: Settings, *, with_closed: bool, words: Sequence[str], limit: int, cursor: str | None
) -> Part:
    """Return some incidents. The cursor knows when the first part was read: each comes once, whatever closes since."""
    began, last = iso(time.time()), ""
    if cursor is not None:
        began, blank, last = decoded(cursor).partition(" ")
        if not blank:
            raise UsageError("cursor: not one of ours")
    found = incidents(settings, with_closed=True, words=words)
    then = [each for each in found if (each.incident.opened_at or "") <= began]
    then.sort(key=lambda each: was_open(each, began), reverse=True)  # stable
    rows = [each for each in then if with_closed or was_open(each, began)]
    place = next((at for at, each in enumerate(rows) if each.incident.id == last), -1)
    shown = rows[place + 1 : place + 1 + limit]
    more = len(rows) > place + 1 + limit
    return Part(shown, encoded(f"{began} {shown[-1].incident.id}") if more else None)


def was_open(seen: Seen, moment: str) -> bool:
    """Return whether an incident was open at a time (ISO 8601)."""
    closed = seen.incident.closed_at
    return closed is None or closed > moment


def incident(settings: Settings, id: str) -> tuple[Seen, list[dict[str, str]]]:  # noqa: A002
    """Return an incident and its story. Raises JobNotFound (66)."""
    known = Incidents(settings, now=iso(time.time()))
    seen = known.one(id)
    if seen is None:
        raise JobNotFound(f"no such incident: {id}", hint="all of them: process-control incidents --all")
    return seen, [{"at": step.at, "what": step.what} for step in known.story(seen.incident)]


# --- parameters ------------------------------------------------------------------------------------------------------


def limit_of(parameters: Mapping[str, str]) -> int:
    """Return how many rows are asked for. Raises UsageError (2)."""
    return _number(parameters.get("limit", ""), DEFAULT_LIMIT, f"limit: a whole number from 1 to {MAX_LIMIT}", 1)


def time_of(name: str, text: str, now: datetime) -> str:
    """Return the moment that a word means, as the history writes times. Raises UsageError (2)."""
    try:
        return moment_of_flag(name, text, now)
    except OverflowError as error:
        raise UsageError(f"{name} {text}: not a time") from error


def _number(text: str, default: int, words: str, least: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= MAX_LIMIT:
        raise UsageError(words)
    return int(text)


def _seconds(moment: str) -> float:
    found = parse_iso(moment)
    return 0.0 if found is None else found.timestamp()


def _place(cursor: str) -> tuple[str, str]:
    """Return (started_at, run_id) of a cursor. Raises UsageError (2)."""
    started_at, blank, run_id = decoded(cursor).partition(" ")
    if not blank:
        raise UsageError("cursor: not one of ours")
    return started_at, run_id


def _whole(text: str) -> int:
    return _checked(lambda: int(text))


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str) -> str:
    """Return the text in a cursor. Raises UsageError (2)."""
    padded = cursor + "=" * (-len(cursor) % 4)
    return _checked(lambda: base64.b64decode(padded, altchars=b"-_", validate=True).decode())


def _checked(read: Callable[[], Value]) -> Value:
    try:
        return read()
    except (ValueError, binascii.Error) as error:
        raise UsageError("cursor: not one of ours", hint="send the one of `next` as it is") from error
