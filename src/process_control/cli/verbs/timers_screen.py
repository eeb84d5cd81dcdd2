"""`timers` on a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, console, print_rows
from process_control.cli.print.table import Column
from process_control.core.moments import day_and_time, in_local_time, span, zone_name
from process_control.views.timers import Timer


def show_timers(timers: Sequence[Timer], now: datetime) -> None:
    """Print a row for each: when it runs next and how long that is, the same of its last run, how that ended."""
    if not timers:
        console().print(Text("no job yet", style="dim"))
        return
    columns = [
        Column(title=f"NEXT ({zone_name(now)})"),
        Column(title="LEFT", is_right=True),
        Column(title="LAST", gives_way=2, min_width=9, may_leave=True),
        Column(title="PASSED", is_right=True),
        Column(title="RESULT"),
        Column(title="JOB", gives_way=1, min_width=16),
        Column(title="WHY NOT", gives_way=3, min_width=20, breaks=True),
    ]
    rows = [_row(timer, now) for timer in timers]
    if all(timer.why is None for timer in timers):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    print_rows(rows, columns)


def _row(timer: Timer, now: datetime) -> list[Text]:
    will_run = timer.next is not None
    style = OUTCOME_STYLES.get(timer.result, "red") if timer.result not in (None, "running") else "cyan"
    return [
        Text(day_and_time(timer.next, now) if will_run else "-", style="" if will_run else "dim"),
        Text(span(timer.left_seconds) if timer.left_seconds is not None else "-", style="" if will_run else "dim"),
        Text(day_and_time(timer.last, now) or "-", style="dim"),
        Text(span((now - timer.last).total_seconds()) if timer.last is not None else "-"),
        Text(timer.result or "-", style=style if timer.result else "dim"),
        Text(timer.job, style="bold" if timer.result in ("failed", "lost") else ""),
        Text(clean(in_local_time(timer.why or "", now)), style="yellow"),
    ]
