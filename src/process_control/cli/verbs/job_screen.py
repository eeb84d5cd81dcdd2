"""`status JOB` on a terminal: one job at length, as systemctl does, with the last lines of its output."""

from collections.abc import Collection, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import (
    OUTCOME_STYLES,
    STATE_STYLES,
    console,
    drawn_marks,
    draws_unicode,
    output_line,
    width,
)
from process_control.cli.print.table import facts
from process_control.cli.verbs.jobs_screen import HINT, reason_style, why
from process_control.config.cache.next_slots import KnownSchedules
from process_control.core.job_state import FAILING, HELD, SLOW_START
from process_control.core.lateness import late_in_words
from process_control.core.moments import clock, due, in_local_time, parse_iso, since, span, took
from process_control.core.sentence import Sentence
from process_control.history.index.past_run import Run
from process_control.history.log_line import STDERR, Line
from process_control.history.log_reader import last_lines
from process_control.notify.message import decision
from process_control.state.secrets_of_run import SecretsUnknown, secrets_of_run
from process_control.views.job_status import JobStatus

LAST_LINES = 10

Facts = list[tuple[str, Text]]


def show_one(
    status: JobStatus,
    schedules: KnownSchedules,
    *,
    state_directory: str,
    news: Collection[str] = (),
    incidents: Sequence[Sentence] = (),
) -> None:
    """Show one job at length. `news` are lines on stderr that the last good run did not have."""
    screen = console()
    screen.print(_title(status, screen, schedules.now))
    rows = [*_of_the_job(status, schedules), *_of_incidents(incidents, schedules.now)]
    if status.running:
        rows += _of_the_running(status.running, status.median_seconds, schedules.now)
    if status.last:
        rows += _of_the_last(status.last, status.median_seconds, schedules.now)
    if status.recent:
        rows.append(("runs", drawn_marks(status.recent, unicode=draws_unicode(screen))))
    for line in facts(rows, width()):
        screen.print(line)
    _show_output(screen, status, news, state_directory)


def _title(status: JobStatus, screen: Console, now: datetime) -> Text:
    """Return the slug and the name; the clock with its zone, in which every time below is."""
    title = Text("● " if draws_unicode(screen) else "* ", style=STATE_STYLES[status.state])
    title.append(clean(status.slug), style="bold")
    title.append(f" - {clean(status.name)}" if status.name else "")
    right = clock(now)
    space = width() - title.cell_len - len(right)
    return title.append(" " * space).append(right, style="dim") if space > 2 else title


def _of_the_job(status: JobStatus, schedules: KnownSchedules) -> Facts:
    now, job, health = schedules.now, status.definition, status.health
    state = Text(status.state, style=STATE_STYLES[status.state])
    if health.since and status.state in (FAILING, SLOW_START):
        state.append(f" since {since(parse_iso(health.since), now)}", style="none")
    style = reason_style(status)
    rows: Facts = [("state", state)]
    for line in why(status, now):
        is_hint = line.startswith(HINT)
        rows.append(("hint", Text(line.removeprefix(HINT))) if is_hint else ("why", Text(line, style=style)))
    if job is not None and job.description:
        rows.append(("runbook", Text(clean(job.description))))
    if job is not None and job.owner:
        rows.append(("owner", Text(clean(job.owner))))
    if job is not None and job.owner_runbook:
        rows.append(("runbook", Text(clean(job.owner_runbook))))
    version = f", version {job.version}" if job is not None else ""
    return [*rows, ("schedule", _schedule(status, schedules)), ("file", Text(f"{clean(status.path)}{version}"))]


def _of_incidents(incidents: Sequence[Sentence], now: datetime) -> Facts:
    rows: Facts = []
    for each in incidents:
        rows.append(("incident", Text(clean(in_local_time(each.text, now)), style="yellow")))
        rows += [("hint", Text(clean(each.command)))] if each.command else []
    return rows


def _schedule(status: JobStatus, schedules: KnownSchedules) -> Text:
    words = schedules.words(status.definition) if status.definition else None
    if words is None:
        return Text("none: runs by hand only")
    if status.definition is not None and status.definition.fleet_schedule:
        return Text(f"{words}; next run: process-control why {status.slug} --fleet")
    slot = status.next_slot(schedules)
    if slot is not None:
        return Text(f"{words}; next run {due(slot, schedules.now)}")
    held = status.state == HELD
    return Text(f"{words}; no next run, because it is {'on hold' if held else 'disabled'}")


def _of_the_running(run: Run, median: float | None, now: datetime) -> Facts:
    began = parse_iso(run.started_at)
    usual = f" (usually {took(median)})" if median else ""
    length = span((now - began).total_seconds()) if began else "?"
    words = f"for {length}{usual}, pid {run.pid}, started by {clean(run.by)} ({run.trigger})"
    return [
        ("running", Text(words, style="cyan")),
        ("its run", Text(run.run_id)),
        ("its log", Text(clean(run.log) or "none is kept")),
    ]


def _of_the_last(run: Run, median: float | None, now: datetime) -> Facts:
    usual = f" (median {took(median)})" if median else ""
    length = f"; took {took(run.duration_seconds)}{usual}" if run.duration_seconds is not None else ""
    length += f" in {len(run.attempts)} attempts" if len(run.attempts) > 1 else ""
    decided_by = decision({"decided_by": run.decided_by})
    return [
        ("last run", Text(outcome_in_words(run, now), style=OUTCOME_STYLES.get(run.outcome, "red"))),
        *([("decided by", Text(clean(decided_by)))] if decided_by else []),
        ("began", Text(f"{since(parse_iso(run.started_at), now)}{length}")),
        *([("began late", Text(late))] if (late := late_in_words(run.late_seconds, run.late_parts)) else []),
        ("by", Text(f"{clean(run.by)} ({run.trigger})")),
        ("run", Text(run.run_id)),
        ("log", Text(clean(run.log) or "none was kept")),
    ]


def outcome_in_words(run: Run, now: datetime) -> str:
    """Return `failed: exited with 3`."""
    reason = clean(in_local_time(run.why, now))
    return f"{run.outcome}: {reason}" if reason else str(run.outcome)


def _show_output(screen: Console, status: JobStatus, news: Collection[str], state_directory: str) -> None:
    run = status.running or status.last
    if run is None or not run.log:
        return
    try:
        secrets, doubt = secrets_of_run(state_directory, run_id=run.run_id, began=run.started_at, job=status.definition)
        lines = last_lines(run.log, LAST_LINES, secrets=secrets)
    except SecretsUnknown as error:
        screen.print(Text(f"\nits output is not shown: {clean(error.faults[0].what)}", style="yellow"))
        return
    except OSError as error:
        screen.print(Text(f"\nits log cannot be read: {error.strerror}", style="yellow"))
        return
    screen.print()
    if status.running:
        screen.print(Text(f"output of run {run.run_id} so far:", style="dim"))
    if doubt:
        screen.print(Text(clean(doubt), style="yellow"))
    began = parse_iso(run.started_at)
    for line in lines or [Line(None, "o", b"(it printed nothing)")]:
        shown = output_line(line, began)
        if line.stream == STDERR and line.shown.decode("utf-8", "replace") in news:
            shown.append("   new since the last good run", style="yellow")
        screen.print(shown)
