"""`history` on a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.plain import clean
from process_control.cli.screen import OUTCOME_STYLES, columns, console, shortened, width
from process_control.cli.time_words import parse_iso, span, stamp, took
from process_control.history.recorded_run import Run

WIDEST_JOB = 32


def show_runs(runs: Sequence[Run], now: datetime) -> None:
    """Print one line a run: when, which job, how it ended, how long it took, its id, why."""
    screen = console()
    if not runs:
        screen.print(Text("nothing ran", style="dim"))
        return
    rows = [_row(run, now) for run in runs]
    for line in columns(rows, header=["STARTED", "JOB", "OUTCOME", "TOOK", "RUN", "WHY"], right=[3]):
        line.truncate(width(), overflow="ellipsis")
        screen.print(line)


def _row(run: Run, now: datetime) -> list[Text]:
    began = parse_iso(run.started_at)
    if run.outcome is None and began is not None:
        length = f"{span((now - began).total_seconds())} so far"
    else:
        length = took(run.duration_seconds)
    return [
        Text(stamp(began), style="dim"),
        Text(shortened(run.job, WIDEST_JOB), style="bold" if run.outcome in ("failed", "lost") else ""),
        Text(run.outcome or "running", style=OUTCOME_STYLES.get(run.outcome, "red")),
        Text(length),
        Text(run.run_id, style="dim"),
        Text(clean(run.detail or run.reason)),
    ]
