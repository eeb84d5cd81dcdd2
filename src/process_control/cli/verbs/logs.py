"""`logs`: what a run printed."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click

from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import clean, is_terminal
from process_control.cli.session import Session, verb
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.moments import day_and_time, in_local_time, parse_iso
from process_control.errors import JobNotFound, ProcessControlError, UsageError
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_reader import (
    DROPPED,
    STDERR,
    STDOUT,
    WHOLE_LOG,
    Line,
    Part,
    current_path,
    last_lines,
    lines,
    raw,
)
from process_control.notify.message import escape_controls
from process_control.state.secrets_of_run import secrets_of_run
from process_control.system.plain_file import open_plain
from process_control.views.selected_jobs import select_slugs

STREAM_WORDS = {STDOUT: "out", STDERR: "err", DROPPED: "cut"}


@verb(
    "logs",
    epilog=(
        "Control characters are escaped, and the secrets of the job's environment_file are masked, unless --raw. "
        "If the secrets of the run are no longer known, only --raw shows the log (else exit code 77). "
        "With --times in a pipe: time, stream (out, err, cut) and text, separated by tabs."
    ),
)
@click.argument("job", required=False)
@click.option("--run", "run_id", metavar="ID", help="That run (the beginning of its id does), not the last one.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Only what that attempt of the run printed.")
@click.option("-n", "count", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
@click.option("--stdout", "stdout_only", is_flag=True, help="Only what was printed to stdout.")
@click.option("--stderr", "stderr_only", is_flag=True, help="Only what was printed to stderr.")
@click.option("--times", is_flag=True, help="The time in front of each line.")
@click.option("--raw", "as_raw", is_flag=True, help="Byte for byte as it was printed.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "run": {...}, "lines": [...]}')
@paged
def logs(
    session: Session,
    job: str | None,
    run_id: str | None,
    attempt: int | None,
    count: int | None,
    stdout_only: bool,
    stderr_only: bool,
    times: bool,
    as_raw: bool,
    as_json: bool,
) -> None:
    """Show what the last run of JOB printed (or is printing), or the run of that id."""
    if job is None and run_id is None:
        raise UsageError("which job?", hint="process-control logs JOB, or --run ID")
    if as_raw and (times or as_json or count is not None):
        raise UsageError(
            "--raw prints the whole log as it is: not with --times, --json or -n", hint="process-control logs --help"
        )
    settings = session.settings("logs")
    run = _find(settings, job, run_id)
    path = _log_of(run, settings)
    part = WHOLE_LOG if attempt is None else _part(run, attempt)
    only = [stream for stream, is_asked in ((STDOUT, stdout_only), (STDERR, stderr_only)) if is_asked]
    streams = only or [STDOUT, STDERR]
    _report_what_is_missing(run, path)
    if as_raw:
        _copy(raw(path, streams, part))
        return
    secrets = _secrets(run, settings)
    wanted: Iterable[Line]
    if count is None:
        wanted = lines(path, streams=streams, secrets=secrets, part=part)
    else:
        wanted = last_lines(path, count, streams=streams, secrets=secrets, part=part)
    if as_json:
        print_json({"run": run.to_json(), "lines": [_line_as_json(line, run) for line in wanted]})
        return
    _name_the_run(run)
    _show(wanted, run, times=times)


def _find(settings: Settings, word: str | None, run_id: str | None) -> Run:
    with open_index(settings.state_directory) as index:
        slugs = select_slugs(settings, [word], index) if word is not None else None
        if run_id is not None:
            return _by_id(index, run_id, slugs)
        for run in index.runs(jobs=slugs, limit=200):
            if run.log is not None:
                return run
    raise ProcessControlError(f"job '{word}' has no log: it never ran", hint=f"run-job {word}")


def _by_id(index: Index, run_id: str, slugs: list[str] | None) -> Run:
    found = [run for run in index.find(run_id, limit=50) if slugs is None or run.job in slugs]
    if not found:
        raise JobNotFound(f"no run '{run_id}'", hint="list run ids: process-control history")
    if len(found) > 1:
        ids = ", ".join(run.run_id for run in found[:5])
        raise UsageError(f"several runs begin with '{run_id}': {ids}", hint="write more of the id")
    return found[0]


def _log_of(run: Run, settings: Settings) -> str:
    """Return the path of the run's log. Raises ProcessControlError (1) when there is none."""
    if run.log is None:
        why = "it was skipped" if run.outcome == "skipped" else "none could be written"
        raise ProcessControlError(f"run {run.run_id} of job '{run.job}' has no log: {why}")
    log = current_path(run.log, settings.output_directory)
    try:
        with open_plain(log):
            return log
    except FileNotFoundError:
        kept = f"{settings.retention_runs} runs, {settings.retention_days} days"
        raise ProcessControlError(
            f"the log of run {run.run_id} was removed",
            where=run.log,
            hint=f"`retention` keeps, for each job: {kept}, {settings.retention_log_bytes:,} bytes",
        ) from None


def _report_what_is_missing(run: Run, path: str) -> None:
    """Print to stderr when the log is shorter than the run recorded: the host went down, or somebody cut it."""
    if run.outcome is None or run.stdout_bytes is None or run.stderr_bytes is None:
        return
    wanted = run.stdout_bytes + run.stderr_bytes - (run.log_dropped_bytes or 0)
    size = os.stat(path).st_size
    if size < wanted:
        talk(f"{path}: only {size:,} of {wanted:,} bytes are left: the host went down, or the file was cut")


def _part(run: Run, attempt: int) -> Part:
    """Return where in the log that attempt is. Raises ProcessControlError (1) when there was none of that number."""
    offsets = [offset for each in run.attempts if isinstance(offset := each.get("log_offset"), int)]
    if run.outcome is None:
        raise ProcessControlError(
            f"run {run.run_id} of job '{run.job}' is still running: --attempt works when it has ended",
            hint=f"process-control logs --run {run.run_id}",
        )
    if attempt > len(offsets):
        known = "1 attempt" if len(offsets) == 1 else f"{len(offsets)} attempts"
        raise ProcessControlError(f"run {run.run_id} of job '{run.job}' has no attempt {attempt}: it has {known}")
    return Part(offsets[attempt - 1], offsets[attempt] if attempt < len(offsets) else None)


def _secrets(run: Run, settings: Settings) -> list[str]:
    """Return what to mask in the log. Raises SecretsUnknown (77) when that is not known."""
    secrets, doubt = secrets_of_run(
        settings.state_directory,
        run_id=run.run_id,
        began=run.started_at,
        job=_definition(settings, run.job),
    )
    if doubt:
        talk(doubt)
    return secrets


def _definition(settings: Settings, slug: str) -> Job | None:
    try:
        return load_job(slug, settings)
    except ProcessControlError:
        return None


def _copy(blocks: Iterable[bytes]) -> None:
    sys.stdout.flush()
    for block in blocks:
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def _name_the_run(run: Run) -> None:
    """On a terminal, print to stderr which run it is."""
    if sys.stderr.isatty() and is_terminal():
        why = clean(in_local_time(run.why, datetime.now(UTC)))
        outcome = f"{run.outcome or 'running'}{': ' + why if why else ''}"
        talk(f"{run.job}, run {run.run_id}, {day_and_time(parse_iso(run.started_at), datetime.now(UTC))}, {outcome}")


def _show(wanted: Iterable[Line], run: Run, *, times: bool) -> None:
    began = parse_iso(run.started_at)
    if is_terminal():
        from process_control.cli.print.screen import console, output_line

        screen = console()
        for line in wanted:
            screen.print(output_line(line, began if times else None))
        return
    for line in wanted:
        if not times:
            print_line(_text(line))
            continue
        print_line(f"{_stamp(line, began) or ''}\t{STREAM_WORDS[line.stream]}\t{_text(line)}")


def _text(line: Line) -> str:
    if line.stream == DROPPED:
        return f"[… {line.dropped:,} bytes dropped …]"
    return escape_controls(line.shown.decode("utf-8", "backslashreplace"))


def _line_as_json(line: Line, run: Run) -> dict[str, object]:
    return {
        "at": _stamp(line, parse_iso(run.started_at)),
        "stream": STREAM_WORDS[line.stream],
        "text": None if line.stream == DROPPED else _text(line),
        "dropped_bytes": line.dropped,
    }


def _stamp(line: Line, began: datetime | None) -> str | None:
    if began is None or line.seconds is None:
        return None
    moment = began + timedelta(seconds=line.seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
