"""What ran in the fleet, and what became of its planned times, in the values that the screens of one host show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.fleet.books import Books, HistoryPart, books_of, needs_history
from process_control.core.fleet.everywhere import runs_jobs
from process_control.core.fleet.lock_state import KEPT_RUNS, Fate, LockState, PastRun
from process_control.core.moments import parse_iso
from process_control.core.schedule.slots import MISSED, RAN, Slot, SlotRun
from process_control.errors import JobNotFound
from process_control.fleet.ask import asked
from process_control.fleet.connection import server_errors
from process_control.fleet.histories import parts_since
from process_control.fleet.look import RunInFlight, run_in_flight, states
from process_control.history.index.past_run import Run
from process_control.system.clock import iso
from process_control.views.slots import Account, Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPast:
    """A lock, and so much of its history as was asked for."""

    state: LockState
    #: oldest first
    parts: Sequence[HistoryPart]
    in_flight: RunInFlight | None = None


def locks_since(
    settings: Settings, since: float | None, *, whole_runs: bool, jobs: Sequence[str] = ()
) -> list[LockPast]:
    """Return all locks, or those of some jobs. The server's histories are read as far as the states do not go back.

    `since`: UTC seconds; None: what the states have is enough. `whole_runs`: for runs; else for planned times.
    """

    async def one(client: Client, state: LockState) -> LockPast:
        parts: Sequence[HistoryPart] = ()
        if since is not None and _is_cut(state, since, whole_runs=whole_runs):
            parts = await parts_since(client, state.lock, since)
        return await _with_its_run(client, state, parts)

    async def ask(client: Client) -> list[LockPast]:
        with server_errors(settings):
            found = await states(client, settings, only=runs_jobs)
            return [await one(client, each) for each in found if not jobs or any(job in each.jobs for job in jobs)]

    return asked(settings, ask)


async def _with_its_run(client: Client, state: LockState, parts: Sequence[HistoryPart] = ()) -> LockPast:
    flight = None if state.running is None else await run_in_flight(client, state.lock)
    return LockPast(state=state, parts=parts, in_flight=flight)


def last_runs(settings: Settings, job: str, *, seconds: float) -> list[Run]:
    """Return the runs of a job among the last ones of its locks: that in flight first, then the newest.

    Raises JobNotFound (66) when the fleet has no such job, NoAnswerInTime (75) after so many seconds.
    """

    async def ask(client: Client) -> list[Run]:
        with server_errors(settings):
            found = await states(client, settings, only=runs_jobs)
            if not any(job in state.jobs for state in found):
                hint = "process-control fleet status lists those it has; fleet apply hands over those of this host"
                raise JobNotFound(f"the fleet has no job '{job}'", where=job, hint=hint)
            locks = [await _with_its_run(client, each) for each in found if _has_run(each, job)]
        runs = [run for run in runs_of(locks, since=None) if run.job == job]
        return sorted(runs, key=lambda run: run.outcome is not None)  # stable

    return asked(settings, ask, seconds=seconds)


def _has_run(state: LockState, job: str) -> bool:
    """Return whether a run of a job is in flight in a lock, or among its last ones."""
    starts = [past.start for past in state.past] + ([] if state.running is None else [state.running])
    return any(start.job == job for start in starts)


def _is_cut(state: LockState, since: float, *, whole_runs: bool) -> bool:
    if whole_runs:
        return len(state.past) >= KEPT_RUNS and state.past[0].since > since
    return any(needs_history(job, since) for job in state.jobs.values())


# --- runs ------------------------------------------------------------------------------------------------------------


def runs_of(locks: Sequence[LockPast], *, since: float | None) -> list[Run]:
    """Return the runs that hosts have begun, newest first."""
    found: dict[tuple[str, str], Run] = {}
    for lock in locks:
        past = [each for part in lock.parts for each in part.runs] + list(lock.state.past)
        for each in past:
            if each.ended.host_run_id is not None or each.ended.outcome is not None:
                found[each.start.job, each.start.run_id] = _run(each)
        running = lock.state.running
        if running is not None:
            flight = lock.in_flight
            run_id = flight.run_id if flight is not None and flight.run_id else running.run_id
            facts = {"run_id": run_id, "host": flight.host if flight is not None else None}
            began = lock.state.running_since
            found[running.job, running.run_id] = _made(running.job, running.slot, running.by, began, facts)
    started = [run for run in found.values() if since is None or run.started_at >= iso(since)]
    return sorted(started, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _run(past: PastRun) -> Run:
    ended = past.ended
    return _made(
        past.start.job,
        past.start.slot,
        past.start.by,
        past.since,
        {
            "run_id": ended.host_run_id or past.start.run_id,
            "host": ended.host,
            "started_at": ended.started_at or iso(past.since),
            "ended_at": ended.ended_at or iso(past.until),
            "duration_seconds": _seconds(ended.started_at, ended.ended_at),
            "outcome": ended.outcome or ended.fate,
            "reason": ended.reason,
            "detail": ended.detail,
            "exit_code": ended.exit_code,
        },
    )


def _made(job: str, slot: int | None, by: str | None, since: float, facts: Mapping[str, object]) -> Run:
    """Return a run with what the fleet knows of it; the rest is in the history of its host."""
    known: dict[str, object] = dict.fromkeys(field.name for field in fields(Run))
    known |= {"job": job, "trigger": "fleet" if slot is not None else "manual", "by": by, "slow_start": False}
    known |= {"attempts": [], "started_at": iso(since)}
    if slot is not None:
        known |= {"scheduled_at": iso(slot), "late_seconds": round(max(0.0, since - slot), 3)}
    return Run(**{**known, **facts})  # type: ignore[arg-type]  # each has the type of its field


def _seconds(began: str | None, ended: str | None) -> float | None:
    first, last = parse_iso(began), parse_iso(ended)
    return None if first is None or last is None else round((last - first).total_seconds(), 3)


# --- planned times ---------------------------------------------------------------------------------------------------


def all_books(locks: Sequence[LockPast], now: float) -> list[Books]:
    """Return the books of every job, by job."""
    found = [books_of(slug, lock.state, lock.parts, now) for lock in locks for slug in lock.state.jobs]
    return sorted(found, key=lambda books: books.job)


def account_of(job: str, fate: Fate) -> Account:
    """Return a planned time as the screens of one host show it; the host is in the evidence."""
    run = None
    if fate.fate == RAN:
        late = fate.late_seconds or 0.0
        run = SlotRun(fate.run_id or "", fate.outcome, fate.reason, iso(fate.slot + late), fate.late_seconds)
    is_missed = fate.fate == MISSED
    what = [f"{fate.count} planned times, to {iso(fate.until)}"] if fate.until is not None else []
    what += [fate.detail] if fate.detail and is_missed else []
    what += [f"host {fate.host}"] if fate.host else []
    slot = Slot(
        job,
        fate.slot,
        fate.fate,
        reason=None if is_missed else fate.reason,
        cause=fate.reason if is_missed else None,
        run=run,
        detail=fate.detail,
    )
    return Account(slot, [Evidence(None, "; ".join(what))] if what else [])
