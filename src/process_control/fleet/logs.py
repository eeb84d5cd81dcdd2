"""What a run of the fleet has printed: from its host, or the last lines from its result when that does not answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.facts import LOST
from process_control.core.fleet.everywhere import runs_jobs
from process_control.core.fleet.lock_state import PastRun
from process_control.errors import JobNotFound, ProcessControlError
from process_control.fleet.ask import asked
from process_control.fleet.connection import server_errors
from process_control.fleet.histories import parts_of
from process_control.fleet.hosts_asked import ask_for_log
from process_control.fleet.look import run_in_flight, states
from process_control.fleet.output import RESULT_BYTES, lines_of
from process_control.fleet.wire import LogAsked
from process_control.history.log_line import Line

#: Of a log at once: what is before that is read on its host.
MAX_PIECES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLog:
    """The log of a run, or its end."""

    job: str
    #: in the history of its host
    run_id: str
    host: str
    #: ISO 8601
    began: str | None
    lines: Sequence[Line] = ()
    #: what a reader has to know, in sentences
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a log is."""

    lock: str
    job: str
    run_id: str
    host: str
    began: str | None


def log_of(settings: Settings, job: str, run_id: str | None, count: int | None) -> FleetLog:
    """Return the log of a run, of the last one without `run_id`; with `count` that many lines from its end.

    Raises JobNotFound (66) for a job that the fleet has not, ProcessControlError (1) for one that never ran.
    """

    async def ask(client: Client) -> FleetLog:
        with server_errors(settings):
            place = await _place(client, settings, job, run_id)
            return await _read(client, place, count)

    return asked(settings, ask)


async def _place(client: Client, settings: Settings, job: str, run_id: str | None) -> _Place:
    locks = [state for state in await states(client, settings, only=runs_jobs) if job in state.jobs]
    if not locks:
        raise JobNotFound(f"the fleet has no job '{job}'", where=job, hint="process-control fleet apply")
    for state in locks:
        running = state.running
        flight = await run_in_flight(client, state.lock) if running is not None and running.job == job else None
        if flight is not None and flight.run_id is not None and _is_asked(run_id, flight.run_id, flight.asked_as):
            return _Place(lock=state.lock, job=job, run_id=flight.run_id, host=flight.host, began=None)
    past = [(each, state.lock) for state in locks for each in state.past]
    found = _last(past, job, run_id)
    if found is None and (run_id is not None or any(_is_lost_with_its_host(each, job) for each, _ in past)):
        for state in locks:
            async for part in parts_of(client, state.lock):
                found = found or _last([(each, state.lock) for each in part.runs], job, run_id)
    if found is None and run_id is not None:
        hint = f"process-control history {job} --fleet --since 30d"
        raise JobNotFound(f"the fleet knows no run '{run_id}' of it", where=job, hint=hint)
    if found is None:
        raise ProcessControlError(f"job '{job}' has no log: it never ran in the fleet", hint="run it with --fleet")
    return found


def _is_lost_with_its_host(past: PastRun, job: str) -> bool:
    return past.start.job == job and past.ended.outcome == LOST


def _last(runs: Sequence[tuple[PastRun, str]], job: str, run_id: str | None) -> _Place | None:
    for past, lock in sorted(runs, key=lambda each: each[0].since, reverse=True):
        ended = past.ended
        if past.start.job != job:
            continue
        if ended.host is None or ended.host_run_id is None:
            if ended.outcome == LOST and run_id is None:
                return None  # the history knows where it was
            continue
        if _is_asked(run_id, ended.host_run_id, past.start.run_id):
            return _Place(lock=lock, job=job, run_id=ended.host_run_id, host=ended.host, began=ended.started_at)
    return None


def _is_asked(wanted: str | None, *ids: str) -> bool:
    return wanted is None or any(each.startswith(wanted) for each in ids)


async def _read(client: Client, place: _Place, count: int | None) -> FleetLog:
    """Read pieces from the end until they are enough."""
    found = FleetLog(job=place.job, run_id=place.run_id, host=place.host, began=place.began)
    lines: list[Line] = []
    before: int | None = None
    for _ in range(MAX_PIECES):
        piece = await ask_for_log(client, place.host, LogAsked(run_id=place.run_id, before=before))
        if piece is None or piece.fault is not None:
            why = f"host {place.host} does not answer" if piece is None else str(piece.fault)
            return await _from_result(client, place, found, why)
        lines[:0] = lines_of(piece.output)
        before = piece.older
        found = replace(found, began=piece.began, notes=piece.doubts)
        if before is None or (count is not None and len(lines) >= count):
            break
    if count is None and before is not None:
        whole = f"process-control logs --run {place.run_id}"
        note = f"the first {before:,} bytes are left out; all of it is on host {place.host}: {whole}"
        found = replace(found, notes=(*found.notes, note))
    return replace(found, lines=lines[max(0, len(lines) - count) :] if count is not None else lines)


async def _from_result(client: Client, place: _Place, found: FleetLog, why: str) -> FleetLog:
    """Return what the result of the run has, with a line that says so."""
    async for part in parts_of(client, place.lock):
        for past in part.runs:
            if past.ended.host_run_id == place.run_id and past.ended.output:
                note = f"{why}: these are the last {RESULT_BYTES >> 10} KiB, which came with the result of the run"
                return replace(found, lines=lines_of(past.ended.output), notes=(note,))
    return replace(found, notes=(f"{why}, and the server has no output of the run",))
