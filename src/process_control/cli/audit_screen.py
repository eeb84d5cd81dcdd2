"""`audit` on a terminal."""

from collections.abc import Sequence

from rich.text import Text

from process_control.cli.plain import clean
from process_control.cli.screen import OUTCOME_STYLES, columns, console, shortened, width
from process_control.cli.time_words import parse_iso, stamp
from process_control.history.events import Record
from process_control.notify.invocation import sentence

WIDEST_JOB, WIDEST_BY = 28, 12
STYLES = {"start": "", "skip": "dim", "stop": "yellow", "refusal": "red", "crontab": "magenta", "mail": "cyan"}
STYLES |= {"attempt": "yellow", "hold": "bold magenta", "release": "green", "backoff": "yellow"}
STYLES |= {"slow_start": "cyan", "probe": "cyan"}


def show_events(records: Sequence[Record]) -> None:
    """Print one line an event: when, which job, what, by whom, which run."""
    screen = console()
    if not records:
        screen.print(Text("nothing happened", style="dim"))
        return
    rows = [_row(record) for record in records]
    for line in columns(rows, header=["WHEN", "JOB", "BY", "RUN", "WHAT HAPPENED"]):
        line.truncate(width(), overflow="ellipsis")
        screen.print(line)


def _row(record: Record) -> list[Text]:
    event = str(record["event"])
    style = STYLES.get(event, "")
    if event == "end":
        style = OUTCOME_STYLES.get(str(record.get("outcome")), "red")
    return [
        Text(stamp(parse_iso(str(record["at"]))), style="dim"),
        Text(shortened(clean(record.get("job")), WIDEST_JOB)),
        Text(shortened(clean(record.get("by")), WIDEST_BY), style="dim"),
        Text(clean(record.get("run_id")), style="dim"),
        Text(clean(sentence(record)), style=style),
    ]
