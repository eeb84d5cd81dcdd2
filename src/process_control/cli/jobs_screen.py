"""`list` and `status` on a terminal: one screen, what needs a look first, its reason right below it."""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from process_control.cli.plain import clean
from process_control.cli.screen import (
    OUTCOME_STYLES,
    STATE_STYLES,
    clock,
    columns,
    console,
    drawn_marks,
    draws_unicode,
    height,
    output_line,
    shortened,
    width,
)
from process_control.cli.time_words import ago, parse_iso, span, stamp, took, until
from process_control.config.known_schedules import KnownSchedules
from process_control.core.gate import hold_in_words
from process_control.core.health import Health
from process_control.core.job_state import NEEDS_ATTENTION, WORST_FIRST
from process_control.history.log_reader import STDERR, Line, last_lines
from process_control.history.recorded_run import Run
from process_control.notify.message import decision
from process_control.secrets_of_runs import SecretsUnknown, secrets_of_run
from process_control.status import JobStatus

LAST_LINES = 10
SYMBOLS = {
    "invalid": "✗", "held": "‖", "failing": "✗", "warned": "!", "stopped": "!", "slow start": "▸", "running": "▸",
    "never ran": "·", "ok": "✓", "disabled": "–", "late": "!",
}  # fmt: skip
WIDEST_JOB = 40


def show_list(statuses: Sequence[JobStatus], schedules: KnownSchedules) -> None:
    screen = console()
    rows, below = [], {}
    for row, status in enumerate(statuses):
        words = schedules.words(status.definition) if status.definition else None
        tags = " ".join(status.definition.tags) if status.definition else ""
        rows.append(
            [
                _state(status, screen),
                Text(shortened(clean(status.slug), WIDEST_JOB), style="bold"),
                Text(clean(status.name)),
                Text(words or "", style="dim"),
                Text(clean(tags), style="dim"),
            ]
        )
        below[row] = _why_in_short(status) if status.state == "invalid" else []
    _print_table(screen, columns(rows, header=["STATE", "JOB", "NAME", "SCHEDULE", "TAGS"]), below)


def show_all_jobs(statuses: Sequence[JobStatus], schedules: KnownSchedules, *, show_all: bool) -> None:
    screen = console()
    now = schedules.now
    screen.print(_summary(statuses, now), end="\n\n")
    shown = list(statuses) if show_all else _fitting(statuses, height() - 6)
    rows = [_row(status, screen, now, status.next_slot(schedules)) for status in shown]
    header = ["STATE", "JOB", "LAST", "TOOK", "MEDIAN", "NEXT", "LAST 20 RUNS"]
    if width() < 100:
        rows, header = [row[:-1] for row in rows], header[:-1]
    lines = columns(rows, header=header, right=[3, 4])
    _print_table(screen, lines, {number: _why_in_short(status) for number, status in enumerate(shown)})
    rest = statuses[len(shown) :]
    if rest:
        counts = Counter(status.state for status in rest)
        words = ", ".join(f"{counts[state]} {state}" for state in WORST_FIRST if counts[state])
        screen.print(Text(f"\nnot shown: {words} (process-control status --all)", style="dim"))


def _fitting(statuses: Sequence[JobStatus], lines: int) -> list[JobStatus]:
    """Return as many as one screen holds, but all that need attention."""
    taken = itertools.accumulate(1 + len(_why_in_short(status)) for status in statuses)
    fitting = list(itertools.takewhile(lambda pair: pair[1] <= max(lines, 5), zip(statuses, taken, strict=True)))
    troubled = sum(status.state in NEEDS_ATTENTION for status in statuses)
    count = len(statuses) if len(statuses) - len(fitting) == 1 else len(fitting)
    return list(statuses[: max(count, troubled)])


def _summary(statuses: Sequence[JobStatus], now: datetime) -> Text:
    counts = Counter(status.state for status in statuses)
    parts = [Text(f"{counts[state]} {state}", style=STATE_STYLES[state]) for state in WORST_FIRST if counts[state]] or [
        Text("no jobs yet: process-control init writes a first one", style="dim")
    ]
    line = Text(", ").join(parts)
    right = clock(now)
    space = width() - line.cell_len - len(right)
    if space > 2:
        line.append(" " * space)
        line.append(right, style="dim")
    return line


def _row(status: JobStatus, screen: Console, now: datetime, slot: datetime | None) -> list[Text]:
    run = status.running or status.last
    began = parse_iso(run.started_at) if run else None
    if status.running:
        length = Text(span((now - began).total_seconds()) if began else "", style="cyan")
        last = Text("runs now", style="cyan")
    else:
        length = Text(took(run.duration_seconds if run else None), style=_slowness(status))
        last = Text(ago(began, now))
    return [
        _state(status, screen),
        Text(shortened(clean(status.slug), WIDEST_JOB), style="bold" if status.state in NEEDS_ATTENTION else ""),
        last,
        length,
        Text(took(status.median_seconds), style="dim"),
        Text(until(slot, now), style="dim"),
        drawn_marks(status.recent, unicode=draws_unicode(screen)),
    ]


def _slowness(status: JobStatus) -> str:
    """Return the style of the last duration: told when it is far from the usual."""
    if status.last is None or not status.median_seconds or status.last.duration_seconds is None:
        return ""
    return "yellow" if status.last.duration_seconds > 3 * max(status.median_seconds, 1) else ""


def _state(status: JobStatus, screen: Console) -> Text:
    symbol = f"{SYMBOLS[status.state]} " if draws_unicode(screen) else ""
    return Text(f"{symbol}{status.state}", style=STATE_STYLES[status.state])


def _why_in_short(status: JobStatus) -> list[str]:
    """Return the reason in two lines at most: a fault of the file and its mend, and how many more there are."""
    lines = _why(status)
    more = sum("hint:" not in line for line in lines[2:])
    if more:
        lines[1] += f" (and {more} more: process-control lint)"
    return lines[:2]


def _why(status: JobStatus) -> list[str]:
    """Return the reason for the state of a job that needs a look, a line each."""
    if status.state == "invalid":
        return [clean(line) for line in (status.why or "").split("\n")]
    if status.state == "held" and status.health.since:
        return _held(status.health)
    alerts = [clean(alert) for alert in status.alerts]
    if status.state not in (*NEEDS_ATTENTION, "warned", "stopped", "slow start", "never ran") or not status.why:
        return alerts
    count = status.health.failures_in_row
    return [clean(status.why) + (f"; {count} failures in a row" if count > 1 else ""), *alerts]


def _held(health: Health) -> list[str]:
    """Return who holds the job since when and why, in local time, and the way back."""
    until = f"{stamp(parse_iso(health.release_at))}" if health.release_at else None
    words = hold_in_words(health.to_record(), since=stamp(parse_iso(health.since)), until=until)
    return [clean(words), "hint: process-control release JOB"]


def _print_table(screen: Console, lines: Sequence[Text], below: dict[int, list[str]]) -> None:
    """Print a header and rows, each with its reasons below it."""
    room = width()
    for number, line in enumerate(lines):
        line.truncate(room, overflow="ellipsis")
        screen.print(line)
        for text in below.get(number - 1, []):
            screen.print(Text(shortened(f"      {text}", room), style="red" if "hint:" not in text else "dim"))


# --- one job, told at length -----------------------------------------------------------------------------------------


def show_one(status: JobStatus, schedules: KnownSchedules, *, state_directory: str, news: Collection[str] = ()) -> None:
    """Tell one job at length. `news` are lines on stderr that the last good run did not have."""
    screen = console()
    title = Text("● " if draws_unicode(screen) else "* ", style=STATE_STYLES[status.state])
    title.append(clean(status.slug), style="bold")
    title.append(f" - {clean(status.name)}" if status.name else "")
    screen.print(title)
    for label, text in _facts(status, schedules):
        screen.print(Text(f"{label:>10}: ", style="dim").append_text(text))
    if status.recent:
        drawn = drawn_marks(status.recent, unicode=draws_unicode(screen))
        screen.print(Text(f"{'runs':>10}: ", style="dim").append_text(drawn))
    _show_output(screen, status, news, state_directory)


def _facts(status: JobStatus, schedules: KnownSchedules) -> list[tuple[str, Text]]:
    now = schedules.now
    job, health, run = status.definition, status.health, status.running or status.last
    state = Text(status.state, style=STATE_STYLES[status.state])
    if health.since and status.state in ("held", "failing", "slow start"):
        state.append(f" since {stamp(parse_iso(health.since))}, {ago(parse_iso(health.since), now)}")
    facts = [("state", state)]
    facts += [("why", Text(line, style="red" if "hint:" not in line else "")) for line in _why(status)]
    if job is not None and job.description:
        facts.append(("runbook", Text(clean(job.description))))
    if job is not None and job.owner:
        facts.append(("owner", Text(clean(job.owner))))
    facts.append(("schedule", _schedule(status, schedules)))
    if status.running:
        facts.append(("running", _going_on(status.running, status.median_seconds, now)))
    if status.last:
        facts += _told(status.last, status.median_seconds, now)
    if run is not None:
        facts += [("run", Text(run.run_id)), ("log", Text(clean(run.log) or "none was kept"))]
    version = f", version {job.version}" if job is not None else ""
    facts.append(("file", Text(f"{clean(status.path)}{version}")))
    return facts


def _schedule(status: JobStatus, schedules: KnownSchedules) -> Text:
    told = schedules.words(status.definition) if status.definition else None
    slot = status.next_slot(schedules)
    if told is None:
        return Text("none: runs by hand only")
    words = Text(told)
    if slot is None:
        return words.append("; disabled, so no slot is planned")
    return words.append(f"; next {stamp(slot)}, {until(slot, schedules.now)}")


def _going_on(run: Run, median: float | None, now: datetime) -> Text:
    began = parse_iso(run.started_at)
    usual = f" (usually {took(median)})" if median else ""
    length = span((now - began).total_seconds()) if began else "?"
    return Text(f"for {length}{usual}, pid {run.pid}, started by {clean(run.by)} ({run.trigger})", style="cyan")


def _told(run: Run, median: float | None, now: datetime) -> list[tuple[str, Text]]:
    began = parse_iso(run.started_at)
    usual = f" (median {took(median)})" if median else ""
    length = f"; took {took(run.duration_seconds)}{usual}" if run.duration_seconds is not None else ""
    length += f" in {len(run.attempts)} attempts" if len(run.attempts) > 1 else ""
    decided_by = decision({"decided_by": run.decided_by})
    return [
        ("last", Text(outcome_in_words(run), style=OUTCOME_STYLES.get(run.outcome, "red"))),
        *([("decided by", Text(clean(decided_by)))] if decided_by else []),
        ("began", Text(f"{stamp(began)}, {ago(began, now)}{length}")),
        ("by", Text(f"{clean(run.by)} ({run.trigger})")),
    ]


def outcome_in_words(run: Run) -> str:
    """Return `failed: exited with 3`, `running`, `succeeded`."""
    why = clean(run.detail or run.reason)
    return f"{run.outcome or 'running'}: {why}" if why else run.outcome or "running"


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
    if doubt:
        screen.print(Text(clean(doubt), style="yellow"))
    began = parse_iso(run.started_at)
    for line in lines or [Line(None, "o", b"(it printed nothing)")]:
        shown = output_line(line, began)
        if line.stream == STDERR and line.shown.decode("utf-8", "replace") in news:
            shown.append("   new since the last good run", style="yellow")
        screen.print(shown)
