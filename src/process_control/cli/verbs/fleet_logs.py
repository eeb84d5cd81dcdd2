"""`logs --fleet`: what a run printed, whatever host of the fleet has run it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from process_control.cli.print.log_lines import LinePrinter
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import clean, is_terminal
from process_control.cli.session import Session
from process_control.core.job import is_slug
from process_control.core.moments import day_and_time, parse_iso
from process_control.errors import FINE, NO, UsageError
from process_control.fleet.library import require_the_library
from process_control.views.log_lines import Printed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from process_control.fleet.logs import FleetLog


def logs_of_fleet(
    session: Session,
    job: str | None,
    *,
    run_id: str | None,
    count: int | None,
    streams: "Sequence[str]",
    times: bool,
    as_json: bool,
) -> int:
    """Print the log of a run, with the notes about it on stderr; return 1 when nothing of it is there."""
    if job is None or not is_slug(job):
        raise UsageError("--fleet shows the log of one job", hint="process-control logs JOB --fleet")
    require_the_library()
    from process_control.fleet.logs import log_of

    log = log_of(session.settings("logs --fleet"), job, run_id, count)
    began = parse_iso(log.began)
    lines = [Printed(log.job, log.run_id, began, line) for line in log.lines if line.stream in (*streams, "x")]
    if as_json:
        run = {"run_id": log.run_id, "job": log.job, "host": log.host, "started_at": log.began}
        print_json({"run": run, "lines": [line.to_json() for line in lines], "notes": list(log.notes)})
    else:
        _show(log, lines, times=times)
    return FINE if lines or not log.notes else NO


def _show(log: "FleetLog", lines: "Sequence[Printed]", *, times: bool) -> None:
    began = parse_iso(log.began)
    if is_terminal():
        when = f", {day_and_time(began, datetime.now(UTC))}" if began is not None else ""
        talk(clean(f"{log.job}, run {log.run_id} on {log.host}{when}"))
    LinePrinter(times=times).print_all(lines)
    for note in log.notes:
        talk(clean(note))
