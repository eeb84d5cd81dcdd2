"""`audit` on a terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, console, width
from process_control.cli.print.table import Column, lines_of
from process_control.core.moments import in_local_time, parse_iso, times_of_a_column, zone_name
from process_control.history.journal_reader import Record
from process_control.notify.syslog_line import sentence_for_people

STYLES = {"start": "", "skip": "dim", "stop": "yellow", "refusal": "red", "crontab": "magenta", "mail": "cyan"}
STYLES |= {"attempt": "yellow", "hold": "bold magenta", "release": "green", "backoff": "yellow"}
STYLES |= {"slow_start": "cyan", "probe": "cyan"}


def show_events(records: Sequence[Record], now: datetime) -> None:
    """Print a row for each event: when, which job, what, by whom, which run."""
    screen = console()
    if not records:
        screen.print(Text("no event matches", style="dim"))
        return
    when = times_of_a_column([parse_iso(str(record["at"])) for record in records], now)
    columns = [
        Column(title=f"WHEN ({zone_name(now)})"),
        Column(title="JOB", gives_way=3, least=12),
        Column(title="BY", gives_way=2, least=4, may_leave=True),
        Column(title="RUN", gives_way=1, least=9, may_leave=True),
        Column(title="WHAT HAPPENED", gives_way=4, least=28, breaks=True),
    ]
    rows = [_row(record, moment, now) for record, moment in zip(records, when, strict=True)]
    for lines in lines_of(rows, columns, width()):
        for line in lines:
            screen.print(line)


def _row(record: Record, when: str, now: datetime) -> list[Text]:
    event = str(record["event"])
    style = STYLES.get(event, "")
    if event == "end":
        style = OUTCOME_STYLES.get(str(record.get("outcome")), "red")
    return [
        Text(when, style="dim"),
        Text(clean(record.get("job"))),
        Text(clean(record.get("by")), style="dim"),
        Text(clean(record.get("run_id")), style="dim"),
        Text(clean(in_local_time(sentence_for_people(record), now)), style=style),
    ]
