"""Recover: what an outage left, by cause; choose, look at it once more, start it, and see how far it is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from process_control.core.moments import parse_iso
from process_control.errors import JobNotFound, NotStarted, UsageError
from process_control.state.past_runs import open_index
from process_control.views.recovery import CAUSES_IN_WORDS, LEAVE, PROPOSALS, Proposal, proposals
from process_control.views.selected_jobs import select_slugs
from process_control.views.slots import Ledger
from process_control.views.time_words import moment_of_flag
from process_control.web.acts import RUN, Wish, act
from process_control.web.pages.form import Form, form_of
from process_control.web.pages.render import page
from process_control.web.planned_time import wish_for
from process_control.web.recovering import Item, Recoveries, Recovery
from process_control.web.site import Site, caller_of, site_of

DEFAULT_SINCE, DEFAULT_AT_ONCE, MAX_AT_ONCE = "7d", 2, 50
#: Of more jobs the command shows the rest.
MAX_SHOWN = 500
#: Planned times of one job that are named.
MAX_NAMED = 5
NOTE = "recover"
#: The field of a job's choice is this and its slug.
CHOICE = "proposal:"


def recover(request: Request) -> Response:
    """Show the proposals."""
    site, parameters = site_of(request), request.query_params
    since, job = parameters.get("since", "").strip() or DEFAULT_SINCE, parameters.get("job", "").strip()
    trouble, found = None, list[Proposal]()
    try:
        found = read_proposals(site, since, job)
    except (JobNotFound, UsageError) as error:
        trouble = error.faults[0]
    shown = found[:MAX_SHOWN]
    values = {
        "title": "Recover",
        "since": since,
        "job": job,
        "trouble": trouble,
        "groups": _by_cause(shown),
        "count": len(found),
        "hidden": len(found) - len(shown),
        "slots": sum(len(each.slots) for each in found),
        "choices": PROPOSALS,
        "field": CHOICE,
        "times": times,
        "at_once": DEFAULT_AT_ONCE,
        "can_start": can_start(site),
        "last": _recoveries(request).last,
        "paste": _command(site, since, job, yes=True),
        "command": _command(site, since, job),
    }
    return page(request, "recover.html", values)


def _by_cause(found: Sequence[Proposal]) -> list[tuple[str, str, list[Proposal]]]:
    """Return each cause, in words too, with its proposals."""
    return [(cause, CAUSES_IN_WORDS[cause], list(of)) for cause, of in groupby(found, key=lambda each: each.cause)]


async def preview(request: Request) -> Response:
    """Show what will be started."""
    form = await form_of(request)
    return await to_thread.run_sync(lambda: _preview(request, form))


def _preview(request: Request, form: Form) -> Response:
    site, since, job = site_of(request), form.values.get("since", ""), form.values.get("job", "")
    site.actor(caller_of(request))
    chosen = chosen_of(read_proposals(site, since or DEFAULT_SINCE, job), form.values)
    count = sum(len(each.to_run) for each in chosen)
    values = {
        "title": f"Recover: start {count:,} run{'' if count == 1 else 's'}" if count else "Recover: nothing is chosen",
        "since": since,
        "job": job,
        "chosen": chosen,
        "count": count,
        "times": times,
        "field": CHOICE,
        "at_once": at_once_of(form.values),
        "can_start": can_start(site),
        "paste": _command(site, since, job, yes=True),
        "command": _command(site, since, job),
    }
    return page(request, "recover_preview.html", values)


async def start(request: Request) -> Response:
    form = await form_of(request)
    await to_thread.run_sync(lambda: _start(request, form))
    return RedirectResponse("/recover/progress", 303)


def _start(request: Request, form: Form) -> None:
    site, caller = site_of(request), caller_of(request)
    actor = site.actor(caller)
    if not can_start(site):
        paste = _command(site, form.values.get("since", ""), form.values.get("job", ""), yes=True)
        raise NotStarted("no scheduler runs, and this page starts no job itself", hint=paste)
    found = read_proposals(site, form.values.get("since", "") or DEFAULT_SINCE, form.values.get("job", ""))
    chosen = chosen_of(found, form.values)
    if not chosen:
        raise UsageError("nothing is chosen", hint="choose once or each for a job")
    note = f"{NOTE}: {form.values['note']}" if form.values.get("note") else NOTE
    wish = Wish.of(RUN, {"note": note})

    def start_one(job: str, slot: int) -> dict[str, Any]:
        [result] = act(site, caller, RUN, [job], wish_for(wish, slot))
        return result

    items = [Item(each.job, slot) for each in chosen for slot in each.to_run]
    recovery = Recovery(by=actor.by, at_once=at_once_of(form.values), items=items)
    _recoveries(request).begin(site.settings, start_one, recovery)


def progress(request: Request) -> Response:
    """Show how far the last recovery is."""
    site, last = site_of(request), _recoveries(request).last
    values = {"title": "Recovery", "last": last, "command": site.command("recover")}
    return page(request, "recover_rows.html" if "rows" in request.query_params else "recover_progress.html", values)


async def stop(request: Request) -> Response:
    """Start nothing more."""
    await form_of(request)
    site_of(request).actor(caller_of(request))
    _recoveries(request).stop()
    return RedirectResponse("/recover/progress", 303)


# --- what is proposed ------------------------------------------------------------------------------------------------


def read_proposals(site: Site, since: str, job: str) -> list[Proposal]:
    """Return the proposals, as `recover` prints them. Raises JobNotFound (66), UsageError (2)."""
    settings, jobs = site.settings, site.watched.now().jobs
    begin = parse_iso(moment_of_flag("since", since, datetime.now(UTC)))
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, jobs, index, now=time.time())
        chosen = select_slugs(settings, [job] if job else [], index)
        slugs = [slug for slug in ledger.known_jobs if chosen is None or slug in chosen]
        after = 0.0 if begin is None else begin.timestamp() - 1
        return proposals(ledger, {each.slug: each for each in jobs}, slugs, since=after)


def chosen_of(found: Sequence[Proposal], values: Mapping[str, str]) -> list[Proposal]:
    """Return the proposals as somebody has changed them, without those to leave. Raises UsageError (2)."""
    chosen = []
    for each in found:
        wanted = values.get(f"{CHOICE}{each.job}", LEAVE)
        if wanted not in PROPOSALS:
            raise UsageError(f"{wanted}: no such choice", hint=", ".join(PROPOSALS))
        if wanted != LEAVE:
            chosen.append(replace(each, proposal=wanted))
    return chosen


def at_once_of(values: Mapping[str, str]) -> int:
    """Return how many runs are to be in progress at most. Raises UsageError (2)."""
    text = values.get("at_once", "") or str(DEFAULT_AT_ONCE)
    if not text.isascii() or not text.isdigit() or len(text) > 3 or not 1 <= int(text) <= MAX_AT_ONCE:
        raise UsageError(f"at once: a whole number from 1 to {MAX_AT_ONCE}")
    return int(text)


def can_start(site: Site) -> bool:
    """Return whether this server can have runs started: by itself, or by the scheduler."""
    charge = site.watched.now().charge
    return not site.starts_nothing or (charge.is_scheduler and charge.is_alive)


def times(slots: Sequence[int]) -> list[datetime]:
    """Return the planned times that are named: the first ones and the last one."""
    named = slots if len(slots) <= MAX_NAMED else [*slots[: MAX_NAMED - 1], slots[-1]]
    return [datetime.fromtimestamp(slot, UTC) for slot in named]


def _command(site: Site, since: str, job: str, *, yes: bool = False) -> str:
    words = [*([job] if job else []), "--since", since or DEFAULT_SINCE, *(["--yes"] if yes else [])]
    return site.command("recover", *words)


def _recoveries(request: Request) -> Recoveries:
    found: Recoveries = request.app.state.recoveries
    return found


ROUTES = [
    Route("/recover", recover),
    Route("/recover/preview", preview, methods=["POST"]),
    Route("/recover/start", start, methods=["POST"]),
    Route("/recover/progress", progress, methods=["GET"]),
    Route("/recover/stop", stop, methods=["POST"]),
]
