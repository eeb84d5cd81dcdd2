"""`history` and `audit` on a terminal: what happened, a row each."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, console, print_rows
from process_control.cli.print.table import Column
from process_control.core.moments import in_local_time, parse_iso, span, times_of_a_column, took, zone_name
from process_control.history.index.past_run import Run
from process_control.history.journal_reader import Record
from process_control.notify.syslog_line import sentence_for_people

EVENT_STYLES = {"start": "", "skip": "dim", "stop": "yellow", "refusal": "red", "crontab": "magenta", "mail": "cyan"}
EVENT_STYLES |= {"attempt": "yellow", "hold": "bold magenta", "release": "green", "backoff": "yellow"}
EVENT_STYLES |= {"slow_start": "cyan", "probe": "cyan"}


def show_runs(runs: Sequence[Run], now: datetime, *, is_filtered: bool) -> None:
    """Print a row for each run: when, which job, how it ended, how long it took, its id, where if that differs, why."""
    if not runs:
        console().print(Text("no run matches" if is_filtered else "no runs yet", style="dim"))
        return
    began = times_of_a_column([parse_iso(run.started_at) for run in runs], now)
    has_hosts = len({run.host for run in runs if run.host}) > 1
    columns = [
        Column(title=f"STARTED ({zone_name(now)})"),
        Column(title="JOB", gives_way=2, min_width=16),
        Column(title="OUTCOME"),
        Column(title="TOOK", is_right=True),
        Column(title="RUN", gives_way=1, min_width=9, may_leave=True),
        *([Column(title="HOST", gives_way=4, min_width=8)] if has_hosts else []),
        Column(title="WHY", gives_way=3, min_width=24, breaks=True),
    ]
    rows = [_row_of_run(run, moment, now, has_hosts=has_hosts) for run, moment in zip(runs, began, strict=True)]
    print_rows(rows, columns)


def show_events(records: Sequence[Record], now: datetime, *, is_filtered: bool) -> None:
    """Print a row for each event: when, which job, what, by whom, which run."""
    if not records:
        console().print(Text("no event matches" if is_filtered else "no events yet", style="dim"))
        return
    when = times_of_a_column([parse_iso(str(record["at"])) for record in records], now)
    columns = [
        Column(title=f"WHEN ({zone_name(now)})"),
        Column(title="JOB", gives_way=3, min_width=20),
        Column(title="BY", gives_way=2, min_width=4, may_leave=True),
        Column(title="RUN", gives_way=1, min_width=9, may_leave=True),
        Column(title="WHAT HAPPENED", gives_way=4, min_width=28, breaks=True),
    ]
    print_rows([_row_of_event(record, moment, now) for record, moment in zip(records, when, strict=True)], columns)


def _row_of_run(run: Run, began: str, now: datetime, *, has_hosts: bool) -> list[Text]:
    return [
        Text(began, style="dim"),
        Text(run.job, style="bold" if run.outcome in ("failed", "lost") else ""),
        Text(run.outcome or "running", style=OUTCOME_STYLES.get(run.outcome, "red")),
        Text(_length(run, now)),
        Text(run.run_id, style="dim"),
        *([Text(clean(run.host))] if has_hosts else []),
        Text(clean(in_local_time(run.why, now))),
    ]


def _length(run: Run, now: datetime) -> str:
    began = parse_iso(run.started_at)
    if run.outcome is None and began is not None:
        return f"{span((now - began).total_seconds())} …"
    return took(run.duration_seconds)


def _row_of_event(record: Record, when: str, now: datetime) -> list[Text]:
    event = str(record["event"])
    style = EVENT_STYLES.get(event, "")
    if event == "end":
        style = OUTCOME_STYLES.get(str(record.get("outcome")), "red")
    return [
        Text(when, style="dim"),
        Text(clean(record.get("job"))),
        Text(clean(record.get("by")), style="dim"),
        Text(clean(record.get("run_id")), style="dim"),
        Text(clean(in_local_time(sentence_for_people(record), now)), style=style),
    ]
