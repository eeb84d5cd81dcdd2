"""What a run of the fleet has printed: all of it in pieces, from its end, or one piece of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.fleet.ask import asked
from process_control.fleet.connection import server_errors
from process_control.fleet.log_pieces import Piece, Place, piece_of, place_of
from process_control.fleet.output import lines_of
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


def log_of(settings: Settings, job: str, run_id: str | None, count: int | None) -> FleetLog:
    """Return the log of a run, of the last one without `run_id`; with `count` that many lines from its end.

    Raises JobNotFound (66) for a job that the fleet has not, ProcessControlError (1) for one that never ran.
    """

    async def ask(client: Client) -> FleetLog:
        with server_errors(settings):
            place = await place_of(client, settings, job, run_id)
            return await _read(client, place, count)

    return asked(settings, ask)


def piece_of_log(
    settings: Settings, job: str, run_id: str, before: int | None, *, lock: str | None, seconds: float
) -> tuple[Place, Piece]:
    """Return where the log of a run is, and a piece of it: the last one, or the one before a byte.

    `lock`: where the run is looked for first. Raises JobNotFound (66), NoAnswerInTime (75) after so many seconds.
    """

    async def ask(client: Client) -> tuple[Place, Piece]:
        with server_errors(settings):
            place = await place_of(client, settings, job, run_id, lock)
            return place, await piece_of(client, place, before)

    return asked(settings, ask, seconds=seconds)


async def _read(client: Client, place: Place, count: int | None) -> FleetLog:
    """Read pieces from the end until they are enough."""
    found = FleetLog(job=place.job, run_id=place.run_id, host=place.host, began=place.began)
    lines: list[Line] = []
    before: int | None = None
    for _ in range(MAX_PIECES):
        piece = await piece_of(client, place, before)
        if not piece.is_from_host:
            return replace(found, lines=lines_of(piece.output), notes=piece.notes)
        lines[:0] = lines_of(piece.output)
        before = piece.older
        found = replace(found, began=piece.began, notes=piece.notes)
        if before is None or (count is not None and len(lines) >= count):
            break
    if count is None and before is not None:
        whole = f"process-control logs --run {place.run_id}"
        note = f"the first {before:,} bytes are left out; all of it is on host {place.host}: {whole}"
        found = replace(found, notes=(*found.notes, note))
    return replace(found, lines=lines[max(0, len(lines) - count) :] if count is not None else lines)
