"""`history` on a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, console, width
from process_control.cli.print.table import Column, lines_of
from process_control.core.moments import in_local_time, parse_iso, span, times_of_a_column, took, zone_name
from process_control.history.index.past_run import Run


def show_runs(runs: Sequence[Run], now: datetime) -> None:
    """Print a row for each run: when, which job, how it ended, how long it took, its id, why."""
    screen = console()
    if not runs:
        screen.print(Text("no run matches", style="dim"))
        return
    began = times_of_a_column([parse_iso(run.started_at) for run in runs], now)
    columns = [
        Column(title=f"STARTED ({zone_name(now)})"),
        Column(title="JOB", gives_way=2, least=16),
        Column(title="OUTCOME"),
        Column(title="TOOK", is_right=True),
        Column(title="RUN", gives_way=1, least=9, may_leave=True),
        Column(title="WHY", gives_way=3, least=24, breaks=True),
    ]
    rows = [_row(run, moment, now) for run, moment in zip(runs, began, strict=True)]
    for lines in lines_of(rows, columns, width()):
        for line in lines:
            screen.print(line)


def _row(run: Run, began: str, now: datetime) -> list[Text]:
    return [
        Text(began, style="dim"),
        Text(run.job, style="bold" if run.outcome in ("failed", "lost") else ""),
        Text(run.outcome or "running", style=OUTCOME_STYLES.get(run.outcome, "red")),
        Text(_length(run, now)),
        Text(run.run_id, style="dim"),
        Text(clean(in_local_time(run.why, now))),
    ]


def _length(run: Run, now: datetime) -> str:
    began = parse_iso(run.started_at)
    if run.outcome is None and began is not None:
        return f"{span((now - began).total_seconds())} …"
    return took(run.duration_seconds)
