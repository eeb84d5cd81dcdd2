"""Where the log of a run of the fleet is, and one piece of it: from its host, or the end of it from its result.

What a host answers is as untrusted as output: it is bounded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.facts import LOST
from process_control.core.fleet.everywhere import base_of, runs_jobs
from process_control.core.fleet.lock_state import Ended, LockState, PastRun
from process_control.core.moments import parse_iso
from process_control.errors import JobNotFound, ProcessControlError
from process_control.fleet.histories import parts_of
from process_control.fleet.hosts_asked import ask_for_log
from process_control.fleet.look import run_in_flight, states
from process_control.fleet.output import RESULT_BYTES, bounded, bounded_words
from process_control.fleet.wire import LogAsked, LogPiece
from process_control.history.log_line import END

TOO_MUCH = "its host has sent more than a piece of a log may have: only the end of that is shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a log is."""

    lock: str
    job: str
    #: in the history of its host
    run_id: str
    host: str
    #: ISO 8601
    began: str | None
    #: None: the run is in flight
    ended: Ended | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a log."""

    #: lines as text, see `fleet.output`
    output: str = ""
    began: str | None = None
    #: those before this byte are in the piece before; None: there are none, or none can be had
    older: int | None = None
    #: what a reader has to know, in sentences
    notes: tuple[str, ...] = ()
    #: whether it was read on its host; else it is the end of the log, from the result of the run
    is_from_host: bool = True
    host_answers: bool = True


# --- the place -------------------------------------------------------------------------------------------------------


async def place_of(client: Client, settings: Settings, job: str, run_id: str | None, lock: str | None = None) -> Place:
    """Return where the log of a run is, or of the last one without `run_id`. `lock`: where it is looked for first.

    Raises JobNotFound (66) for a job or a run that the fleet has not, ProcessControlError (1) for a job that never ran.
    """
    if lock is not None:
        near = await states(client, settings, only=lambda each: runs_jobs(each) and base_of(each) == lock)
        if found := await _known_place(client, near, job, run_id):
            return found
    locks = [state for state in await states(client, settings, only=runs_jobs) if job in state.jobs]
    if not locks:
        raise JobNotFound(f"the fleet has no job '{job}'", where=job, hint="process-control fleet apply")
    found = await _known_place(client, locks, job, run_id)
    if found is None and (run_id is not None or any(_is_lost_with_its_host(each, job) for each in _past_of(locks))):
        found = await _place_in_histories(client, locks, job, run_id)
    if found is None and run_id is not None:
        hint = f"process-control history {job} --fleet --since 30d"
        raise JobNotFound(f"the fleet knows no run '{run_id}' of it", where=job, hint=hint)
    if found is None:
        raise ProcessControlError(f"job '{job}' has no log: it never ran in the fleet", hint="run it with --fleet")
    return found


async def _known_place(client: Client, locks: Sequence[LockState], job: str, run_id: str | None) -> Place | None:
    """Return the place of a run that is in flight, or among the last ones."""
    for state in locks:
        running = state.running
        flight = await run_in_flight(client, state.lock) if running is not None and running.job == job else None
        if flight is not None and flight.run_id is not None and _is_asked(run_id, flight.run_id, flight.asked_as):
            return Place(lock=state.lock, job=job, run_id=flight.run_id, host=flight.host, began=None)
    return _last([(each, state.lock) for state in locks for each in state.past], job, run_id)


async def _place_in_histories(client: Client, locks: Sequence[LockState], job: str, run_id: str | None) -> Place | None:
    for state in locks:
        async for part in parts_of(client, state.lock):
            if found := _last([(each, state.lock) for each in part.runs], job, run_id):
                return found
    return None


def _past_of(locks: Sequence[LockState]) -> list[PastRun]:
    return [each for state in locks for each in state.past]


def _is_lost_with_its_host(past: PastRun, job: str) -> bool:
    return past.start.job == job and past.ended.outcome == LOST


def _last(runs: Sequence[tuple[PastRun, str]], job: str, run_id: str | None) -> Place | None:
    for past, lock in sorted(runs, key=lambda each: each[0].since, reverse=True):
        ended = past.ended
        if past.start.job != job:
            continue
        if ended.host is None or ended.host_run_id is None:
            if ended.outcome == LOST and run_id is None:
                return None  # the history knows where it was
            continue
        if _is_asked(run_id, ended.host_run_id, past.start.run_id):
            began, host = ended.started_at, ended.host
            return Place(lock=lock, job=job, run_id=ended.host_run_id, host=host, began=began, ended=ended)
    return None


def _is_asked(wanted: str | None, *ids: str) -> bool:
    return wanted is None or any(each.startswith(wanted) for each in ids)


# --- a piece ---------------------------------------------------------------------------------------------------------


async def piece_of(client: Client, place: Place, before: int | None) -> Piece:
    """Return the last piece of a log, or the one before a byte of it; the end from the result where the host has none.

    Only notes are in a piece of which neither host nor server has anything.
    """
    answer = await ask_for_log(client, place.host, LogAsked(run_id=place.run_id, before=before))
    if answer is None:
        return await _from_result(client, place, f"host {place.host} does not answer", host_answers=False)
    if answer.fault is not None:
        (why,) = bounded_words([answer.fault])
        return await _from_result(client, place, why, host_answers=True)
    return _from_host(answer, before)


def _from_host(answer: LogPiece, before: int | None) -> Piece:
    output = bounded(answer.output)
    notes = bounded_words(answer.doubts)
    if len(output) < len(answer.output):
        notes.append(TOO_MUCH)
    is_before = answer.older is not None and 0 < answer.older < (END if before is None else before)
    return Piece(
        output=output,
        began=answer.began if parse_iso(answer.began) else None,
        older=answer.older if is_before else None,
        notes=tuple(notes),
    )


async def _from_result(client: Client, place: Place, why: str, *, host_answers: bool) -> Piece:
    """Return what the result of the run has, with a sentence that says so."""
    output, note = "", f"{why}, and the server has no output of the run"
    async for part in parts_of(client, place.lock):
        found = next((each.ended.output for each in part.runs if each.ended.host_run_id == place.run_id), "")
        if found:
            output = bounded(found)
            note = f"{why}: these are the last {RESULT_BYTES >> 10} KiB, which came with the result of the run"
            break
    return Piece(output=output, began=place.began, notes=(note,), is_from_host=False, host_answers=host_answers)
