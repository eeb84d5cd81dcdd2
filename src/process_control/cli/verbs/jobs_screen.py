"""`list` and `status` of many jobs on a terminal: one screen, what needs a look first, its reason right below it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import (
    OUTCOME_STYLES,
    STATE_STYLES,
    SYMBOLS,
    console,
    drawn_marks,
    draws_unicode,
    height,
    width,
)
from process_control.cli.print.table import Column, lines_of, paragraph, with_commas, wrapped
from process_control.config.cache.next_slots import KnownSchedules
from process_control.core.hold_in_words import hold_for_people, release_line
from process_control.core.job_state import HELD, INVALID, LATE, NEEDS_ATTENTION, WORST_FIRST
from process_control.core.lateness import MIN_SHOWN_SECONDS
from process_control.core.moments import ago, clock, in_local_time, parse_iso, since, span, took, until
from process_control.views.job_status import JobStatus

REASON_INDENT = 6
#: Lines besides the summary and the jobs: blank, header, blank, two of what is not shown, the prompt.
AROUND_THE_TABLE = 6
MAX_REASON_LINES = 2
LIST = (
    Column(title="STATE"),
    Column(title="JOB", gives_way=3, min_width=24),
    Column(title="NAME", gives_way=1, min_width=16, may_leave=True),
    Column(title="SCHEDULE", gives_way=4, min_width=24, breaks=True),
    Column(title="TAGS", gives_way=2, min_width=12, may_leave=True, breaks=True),
)
STATUS = (
    Column(title="STATE"),
    Column(title="JOB", gives_way=3, min_width=16),
    Column(title="NAME", gives_way=1, min_width=16, may_leave=True),
    Column(title="LAST"),
    Column(title="TOOK", is_right=True),
    Column(title="MEDIAN", gives_way=4, min_width=11, may_leave=True, is_right=True),
    Column(title="NEXT"),
    Column(title="LAST 20 RUNS", gives_way=2, min_width=12, may_leave=True, keeps_end=True),
)
HINT = "hint: "


def show_list(statuses: Sequence[JobStatus], schedules: KnownSchedules) -> None:
    screen = console()
    rows = [
        [
            _state(status, screen),
            Text(clean(status.slug), style="bold"),
            Text(clean(status.name)),
            Text((schedules.words(status.definition) if status.definition else None) or "", style="dim"),
            Text(clean(" ".join(status.definition.tags) if status.definition else ""), style="dim"),
        ]
        for status in statuses
    ]
    below = [
        _reasons(status, schedules.now, width(), max_lines=1) if status.state == INVALID else [] for status in statuses
    ]
    _print_table(screen, lines_of(rows, LIST, width()), below)


def show_all_jobs(
    statuses: Sequence[JobStatus], schedules: KnownSchedules, *, show_all: bool, besides: Sequence[str] = ()
) -> None:
    """Show one screen of jobs, or all. `besides`: texts printed above and below, whose lines count too."""
    screen = console()
    now = schedules.now
    below = [_reasons(status, now, width()) for status in statuses]
    head = _summary(statuses, now)
    max_lines = height() - AROUND_THE_TABLE - len(head) - sum(len(wrapped(text, width())) for text in besides)
    if not show_all and sum(1 + len(reasons) for reasons in below) > max_lines:
        below = [reasons[:1] for reasons in (_reasons(status, now, width(), max_lines=1) for status in statuses)]
    for line in head:
        screen.print(line)
    screen.print()
    count = len(statuses) if show_all else _how_many_fit(below, max_lines)
    rows = [_row(status, screen, now, status.next_slot(schedules)) for status in statuses[:count]]
    _print_table(screen, lines_of(rows, STATUS, width()), below)
    rest = statuses[count:]
    if rest:
        style = "bold yellow" if any(status.state in NEEDS_ATTENTION for status in rest) else "dim"
        parts = [Text(part.plain, style=style) for part in _counts(rest)]
        parts = [Text("not shown: ", style=style).append(parts[0]), *parts[1:]]
        parts[-1].append(" (process-control status --all)")
        screen.print()
        for line in with_commas(parts, width()):
            screen.print(line)


def _how_many_fit(below: Sequence[Sequence[Text]], lines: int) -> int:
    """Return how many jobs one screen holds; the worst come first. If only one is left over, it is shown too."""
    taken = count = 0
    for reasons in below:
        taken += 1 + len(reasons)
        if taken > max(lines, 5):
            break
        count += 1
    return len(below) if len(below) - count == 1 and not below[count] else max(count, 1)


def _summary(statuses: Sequence[JobStatus], now: datetime) -> list[Text]:
    """Return how many jobs are in which state, and the clock with its zone."""
    parts = _counts(statuses) or [Text("no jobs yet: process-control init writes a first one", style="dim")]
    first, *more = with_commas(parts, width())
    right = clock(now)
    space = width() - first.cell_len - len(right)
    if not more and space > 2:
        return [first.append(" " * space).append(right, style="dim")]
    return [Text(right, style="dim"), first, *more]


def _counts(statuses: Sequence[JobStatus]) -> list[Text]:
    counts = Counter(status.state for status in statuses)
    return [Text(f"{counts[state]:,} {state}", style=STATE_STYLES[state]) for state in WORST_FIRST if counts[state]]


def _row(status: JobStatus, screen: Console, now: datetime, slot: datetime | None) -> list[Text]:
    run = status.running or status.last
    began = parse_iso(run.started_at) if run else None
    if status.running:
        length = Text(span((now - began).total_seconds()) if began else "", style="cyan")
        last = Text("runs now", style="cyan")
    else:
        length = Text(took(run.duration_seconds if run else None), style=_slowness(status))
        last = Text(ago(began, now))
        if run is not None and (run.late_seconds or 0) >= MIN_SHOWN_SECONDS:
            last.append(f" (+{took(run.late_seconds)})", style=OUTCOME_STYLES["warned"])
    return [
        _state(status, screen),
        Text(clean(status.slug), style="bold" if status.state in NEEDS_ATTENTION else ""),
        Text(clean(status.name), style="dim"),
        last,
        length,
        Text(took(status.median_seconds), style="dim"),
        Text(until(slot, now), style="dim"),
        drawn_marks(status.recent, unicode=draws_unicode(screen)),
    ]


def _slowness(status: JobStatus) -> str:
    """Return the style of the last duration: yellow when it is far from the usual."""
    if status.last is None or not status.median_seconds or status.last.duration_seconds is None:
        return ""
    return "yellow" if status.last.duration_seconds > 3 * max(status.median_seconds, 1) else ""


def _state(status: JobStatus, screen: Console) -> Text:
    symbol = f"{SYMBOLS[status.state]} " if draws_unicode(screen) else ""
    text = Text(f"{symbol}{status.state}", style=STATE_STYLES[status.state])
    return text.append(", silenced", style="dim") if status.silenced_until is not None else text


def reason_style(status: JobStatus) -> str:
    """Return the style of the reasons: red is for what is broken, a warning is yellow."""
    return "red" if status.state in NEEDS_ATTENTION else OUTCOME_STYLES["warned"]


def _reasons(status: JobStatus, now: datetime, max_width: int, *, max_lines: int = MAX_REASON_LINES) -> list[Text]:
    """Return the reason in at most `max_lines` lines, and the hint; of an invalid file the first fault and a count."""
    reasons = why(status, now)
    if not reasons:
        return []
    faults = [line for line in reasons if not line.startswith(HINT)]
    first = faults[0]
    if len(faults) > 1 and status.state == INVALID:
        first += f" (and {len(faults) - 1} more: process-control lint)"
    elif len(faults) > 1:
        first = "; ".join(faults)
    lines = wrapped(first, max_width - REASON_INDENT, max_lines=max_lines)
    found = [Text(" " * REASON_INDENT).append(line, style=reason_style(status)) for line in lines]
    hint = next((line for line in reasons if line.startswith(HINT)), None)
    if hint is not None:
        found += paragraph(hint, max_width, indent=REASON_INDENT, style="dim", max_lines=max_lines)
    return found


def why(status: JobStatus, now: datetime) -> list[str]:
    """Return the reasons for the state of a job that needs a look, and the hints, a line each."""
    if status.state == INVALID:
        return [clean(line).strip() for line in (status.why or "").split("\n")]
    alerts = [clean(in_local_time(alert, now)) for alert in status.alerts]
    if status.state == HELD:
        return [clean(_capital(_hold(status, now))), *alerts, f"{HINT}{release_line(status.slug)}"]
    if status.state not in (*NEEDS_ATTENTION, "warned", "stopped", "slow start", "never ran") or not status.why:
        return alerts
    count = status.health.failures_in_row
    reason = clean(in_local_time(status.why, now))
    if status.state == LATE and status.late_slot is not None:
        reason = f"no run for the planned time {since(status.late_slot, now)}: {status.late_question}"
    return [reason + (f"; {count} failures in a row" if count > 1 else ""), *alerts]


def _hold(status: JobStatus, now: datetime) -> str:
    """Return since when, by whom and why it is held; or that its health file is damaged."""
    return hold_for_people(status.health.to_record(), now) if status.health.since else status.why or "held"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _print_table(screen: Console, lines: Sequence[Sequence[Text]], below: Sequence[Sequence[Text]]) -> None:
    """Print a header and rows, each with its reasons below it."""
    for number, row in enumerate(lines):
        for line in row:
            screen.print(line)
        for line in below[number - 1] if number else ():
            screen.print(line)
