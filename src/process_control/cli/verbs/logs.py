"""`logs`: what runs printed."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from process_control.cli.history_index import open_index
from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.log_lines import LinePrinter
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import clean, is_terminal
from process_control.cli.session import Session, verb
from process_control.cli.verbs.fleet_logs import logs_of_fleet
from process_control.cli.verbs.logs_follow import follow_logs
from process_control.config.settings import Settings
from process_control.core.job import is_slug
from process_control.core.moments import day_and_time, in_local_time, parse_iso
from process_control.errors import JobNotFound, ProcessControlError, UsageError
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_line import STDERR, STDOUT
from process_control.history.log_reader import WHOLE_LOG, Part, raw
from process_control.views.log_lines import KeptRun, Printed, RunLogs, kept_runs, log_of, merged, missing_in_words
from process_control.views.log_search import Search
from process_control.views.selected_jobs import select_slugs
from process_control.views.time_words import moment_of_flag

MAX_LEFT_OUT = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    job: str | None
    run_id: str | None
    attempt: int | None
    count: int | None
    since: datetime | None
    search: Search | None
    streams: list[str]
    times: bool
    as_raw: bool
    as_json: bool

    @property
    def of_one_run(self) -> bool:
        if self.run_id is not None or self.attempt is not None:
            return True
        return self.job is not None and is_slug(self.job) and self.search is None and self.since is None

    @property
    def names_jobs(self) -> bool:
        """Whether each line has its job in front."""
        return self.run_id is None and (self.job is None or not is_slug(self.job))


@verb(
    "logs",
    epilog="Without JOB: the last runs of all jobs. Exit code 1: --grep found nothing.",
)
@click.argument("job", required=False)
@click.option("--follow", "-f", is_flag=True, help="Show new lines as they come, across runs.")
@click.option("-n", "count", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
@click.option("--grep", "regex", metavar="RE", help="Only lines that match this regex, of all runs.")
@click.option("--since", metavar="T", help="Only lines since then: 12h, 08:00, 2026-03-01.")
@click.option("--run", "run_id", metavar="ID", help="That run; the beginning of its id is enough.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Only what that attempt printed.")
@click.option("--stdout", "stdout_only", is_flag=True, help="Only what was printed to stdout.")
@click.option("--stderr", "stderr_only", is_flag=True, help="Only what was printed to stderr.")
@click.option("--times", is_flag=True, help="The time in front of each line.")
@click.option("--raw", "as_raw", is_flag=True, help="Nothing escaped, nothing masked.")
@click.option("--json", "as_json", is_flag=True, help="For programs; with -f one object a line.")
@click.option("--fleet", "in_fleet", is_flag=True, help="Of the fleet, from the host that ran it.")
@paged
@looks_at_hosts(jobs="job")
def logs(
    session: Session,
    job: str | None,
    follow: bool,
    count: int | None,
    regex: str | None,
    since: str | None,
    run_id: str | None,
    attempt: int | None,
    stdout_only: bool,
    stderr_only: bool,
    times: bool,
    as_raw: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Show what the last run of JOB printed (or is printing).

    \f
    JOB is a slug, a glob in quotes, or tag:NAME. --grep and --since look at all runs whose logs are kept, unless --run
    names one.

    -f shows the last 10 lines (-n N, or all since --since), then what comes, also of runs that begin meanwhile, until
    Control-C; with --run until that run has ended.

    Control characters are escaped, and the secrets of the job's environment_file are masked, unless --raw; --grep
    searches the masked text. If the secrets of a run are no longer known, only --raw shows its log (else exit code 77).

    In a pipe the fields are separated by tabs: the job (of several jobs), with --times the time and the stream (out,
    err, cut), then the text. With -f, --json prints one object a line.

    With --fleet the log comes in pieces from the host that ran the job, masked there, at most 16 MiB of it. When that
    host does not answer, the last 64 KiB are shown, which came with the result of the run, and a line says so.
    """
    if as_raw and (times or as_json):
        raise UsageError(
            "--raw prints what was printed: not with --times or --json", hint="process-control logs --help"
        )
    if follow and attempt is not None:
        raise UsageError("--attempt does not go with --follow", hint="process-control logs --help")
    if in_fleet and (follow or regex is not None or since is not None or attempt is not None or as_raw):
        raise UsageError("--fleet goes with -n, --run, --stdout, --stderr, --times and --json only")
    only = [stream for stream, is_asked in ((STDOUT, stdout_only), (STDERR, stderr_only)) if is_asked]
    if in_fleet:
        streams = only or [STDOUT, STDERR]
        return logs_of_fleet(session, job, run_id=run_id, count=count, streams=streams, times=times, as_json=as_json)
    asked = Asked(
        job=job,
        run_id=run_id,
        attempt=attempt,
        count=count,
        since=None if since is None else parse_iso(moment_of_flag("--since", since, datetime.now(UTC))),
        search=None if regex is None else Search(regex),
        streams=only or [STDOUT, STDERR],
        times=times,
        as_raw=as_raw,
        as_json=as_json,
    )
    settings = session.settings("logs")
    run_logs = RunLogs(settings, streams=asked.streams, masks=not as_raw, since=asked.since)
    if follow:
        return _follow(asked, run_logs, session)
    if asked.of_one_run:
        return _show_one_run(asked, run_logs)
    with open_index(settings.state_directory) as index:
        slugs = None if job is None else select_slugs(settings, [job], index)
        runs = kept_runs(index, settings, slugs, since=asked.since, last=asked.search is None and asked.since is None)
    if not runs and asked.search is None and asked.since is None:
        raise ProcessControlError("no job has a log: none ever ran", hint="run-job JOB")
    found = merged(runs, lambda run: run_logs.lines(run, last=_last(asked), needles=_needles(asked)))
    return _show(asked, run_logs, _chosen(asked, found))


def _last(asked: Asked) -> int | None:
    """Return how many lines of each log are enough; a search needs all."""
    return asked.count if asked.search is None else None


def _needles(asked: Asked) -> tuple[bytes, ...]:
    return asked.search.needles if asked.search is not None else ()


def _chosen(asked: Asked, found: Iterator[Printed]) -> Iterable[Printed]:
    if asked.search is not None:
        found = asked.search.matching(found)
    return found if asked.count is None else deque(found, asked.count)


def _show(asked: Asked, run_logs: RunLogs, found: Iterable[Printed], run: Run | None = None) -> int:
    """Print the lines, then what could not be shown; return the exit code."""
    if asked.as_json:
        lines = [printed.to_json() for printed in found]
        if lines or not run_logs.left_out:
            print_json({"run": run.to_json(), "lines": lines} if run is not None else {"lines": lines})
        count = len(lines)
    else:
        printer = LinePrinter(slugs=asked.names_jobs, times=asked.times, raw=asked.as_raw)
        printer.print_all(found)
        count = printer.count
    return _exit_code(asked, run_logs, count)


def _exit_code(asked: Asked, run_logs: RunLogs, count: int) -> int:
    """Print what was left out; return the exit code. Raises the error of a log when none could be shown."""
    for doubt in run_logs.doubts:
        talk(doubt)
    if run_logs.left_out and not count:
        raise run_logs.left_out[0]
    for error in run_logs.left_out[:MAX_LEFT_OUT]:
        talk(str(error))
    if len(run_logs.left_out) > MAX_LEFT_OUT:
        talk(f"{len(run_logs.left_out) - MAX_LEFT_OUT} more runs cannot be shown")
    if asked.search is not None and asked.search.unsearched:
        talk(f"{asked.search.unsearched} lines were not searched: the regex takes too long for them")
    return 1 if asked.search is not None and not count else 0


def _follow(asked: Asked, run_logs: RunLogs, session: Session) -> int:
    run_id, slugs = None, None
    with open_index(run_logs.settings.state_directory) as index:
        if asked.run_id is not None:
            run = _find(run_logs.settings, asked, index)
            run_id, slugs = run.run_id, [run.job]
        elif asked.job is not None:
            slugs = select_slugs(run_logs.settings, [asked.job], index)
    printer = LinePrinter(slugs=asked.names_jobs, times=asked.times, raw=asked.as_raw, json_lines=asked.as_json)
    session.paths.forget()  # from here on it is the job that is waited for
    follow_logs(run_logs, slugs, printer, run_id=run_id, search=asked.search, count=asked.count)
    return 0


# --- one run ---------------------------------------------------------------------------------------------------------


def _show_one_run(asked: Asked, run_logs: RunLogs) -> int:
    settings = run_logs.settings
    with open_index(settings.state_directory) as index:
        run = _find(settings, asked, index)
    path = log_of(run, settings)
    part = WHOLE_LOG if asked.attempt is None else _part(run, asked.attempt)
    _report_what_is_missing(run, path)
    if asked.as_raw and asked.count is None and asked.search is None and asked.since is None:
        _copy(raw(path, asked.streams, part))
        return 0
    if not asked.as_json:
        _name_the_run(run)
    kept = KeptRun(run.started_at, run.run_id, run.job, path)
    found = run_logs.lines(kept, part=part, last=_last(asked), needles=_needles(asked))
    return _show(asked, run_logs, _chosen(asked, found), run)


def _find(settings: Settings, asked: Asked, index: Index) -> Run:
    word = asked.job
    slugs = select_slugs(settings, [word], index) if word is not None else None
    if asked.run_id is not None:
        return _by_id(index, asked.run_id, slugs)
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


def _report_what_is_missing(run: Run, path: str) -> None:
    """Print to stderr when the log is shorter than the run recorded: the host went down, or somebody cut it."""
    if words := missing_in_words(run, path):
        talk(f"{path}: {words}")


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
