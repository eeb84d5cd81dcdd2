"""`run-job --list-jobs` and `--status` on a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, print_rows, width
from process_control.cli.print.table import Column, lines_of, paragraph
from process_control.config.job_directory import InvalidJob
from process_control.core.moments import in_local_time
from process_control.views.job_list import Listed

REASON_INDENT = 6
JOBS = (
    Column(title="JOB", gives_way=2, min_width=24),
    Column(title="NAME", gives_way=1, min_width=16, may_leave=True),
    Column(title="STATE"),
)
LAST = (
    Column(title="JOB", gives_way=1, min_width=24),
    Column(title="LAST"),
    Column(title="WHEN AND WHY", gives_way=2, min_width=24, breaks=True),
)
STYLES = {"succeeded": "green", "running": "cyan", "warned": "yellow", "never ran": "dim"}


def print_jobs_table(rows: Sequence[tuple["Listed", list[str]]]) -> None:
    """Print each job; below an invalid one its first fault, and how many more there are; then the warnings."""
    cells = []
    for row, _ in rows:
        name = "" if isinstance(row.job, InvalidJob) else row.job.name
        cells.append([Text(clean(row.job.slug), style="bold"), Text(clean(name)), _state(row)])
    screen = console()
    header, *lines = lines_of(cells, JOBS, width())
    for line in header:
        screen.print(line)
    for (row, warnings), job in zip(rows, lines, strict=True):
        below = [(fault, "red") for fault in _fault(row)] + [(warning, "yellow") for warning in warnings]
        for line in job:
            screen.print(line)
        for text, style in below:
            for line in paragraph(clean(text), width(), indent=REASON_INDENT, style=style, max_lines=2):
                screen.print(line)


def print_status_table(rows: Sequence[tuple[str, str, str]]) -> None:
    now = datetime.now(UTC)
    cells = [
        [
            Text(clean(slug), style="bold"),
            Text(state, style=STYLES.get(state, "red")),
            Text(clean(in_local_time(words, now))),
        ]
        for slug, state, words in rows
    ]
    print_rows(cells, LAST)


def _state(row: "Listed") -> Text:
    if row.fault is not None:
        return Text("invalid", style="red")
    if row.running:
        return Text(f"running (pid {row.running['pid']})", style="green")
    return Text("disabled" if row.state == "disabled" else "", style="dim")


def _fault(row: "Listed") -> list[str]:
    if not isinstance(row.job, InvalidJob):
        return []
    faults = row.job.error.faults
    more = f" (and {len(faults) - 1} more: process-control lint)" if len(faults) > 1 else ""
    return [str(faults[0]).partition("\n")[0] + more]
