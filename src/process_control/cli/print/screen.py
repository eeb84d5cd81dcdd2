"""Output for a terminal: columns and colours. Every text has been through `plain.clean` before."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.text import Text

from process_control.cli.print.plain import MARKS, clean
from process_control.cli.print.table import Column, lines_of
from process_control.history.log_line import DROPPED, STDERR, Line
from process_control.notify.message import last_states

STATE_STYLES = {
    "invalid": "bold red",
    "held": "bold magenta",
    "failing": "bold red",
    "late": "bold red",
    "warned": "yellow",
    "stopped": "yellow",
    "slow start": "cyan",
    "running": "cyan",
    "never ran": "dim",
    "ok": "green",
    "disabled": "dim",
}
SYMBOLS = {
    "invalid": "✗", "held": "‖", "failing": "✗", "warned": "!", "stopped": "!", "slow start": "▸", "running": "▸",
    "never ran": "·", "ok": "✓", "disabled": "–", "late": "!",
}  # fmt: skip
OUTCOME_STYLES = {
    "succeeded": "green",
    "warned": "yellow",
    "failed": "red",
    "lost": "bold red",
    "skipped": "dim",
    None: "cyan",
}
DRAWN = {"succeeded": "▪", "warned": "▴", "failed": "✗", "lost": "?", "skipped": "·", None: "▸"}


def console() -> Console:
    """Return the terminal; colour as it can, none with NO_COLOR."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def width() -> int:
    return shutil.get_terminal_size().columns


def height() -> int:
    return shutil.get_terminal_size().lines


def print_rows(rows: Sequence[Sequence[Text]], columns: Sequence[Column]) -> None:
    """Print the header and each row, as wide as the terminal."""
    screen = console()
    for lines in lines_of(rows, columns, width()):
        for line in lines:
            screen.print(line)


def draws_unicode(screen: Console) -> bool:
    return screen.encoding.lower().replace("-", "") == "utf8"


def drawn_marks(outcomes: Sequence[str | None], *, unicode: bool) -> Text:
    text = Text()
    for outcome in outcomes:
        text.append((DRAWN if unicode else MARKS).get(outcome, "?"), style=OUTCOME_STYLES.get(outcome, "red"))
    return text


def output_line(line: Line, began: datetime | None) -> Text:
    """Return a line of output for a terminal: time in front, stderr in red."""
    text = Text()
    if line.seconds is not None and began is not None:
        moment = (began + timedelta(seconds=line.seconds)).astimezone()
        text.append(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}  ", style="dim")
    if line.stream == DROPPED:
        return text.append(f"[… {line.dropped:,} bytes dropped …]", style="yellow")
    shown = clean(last_states(line.shown.decode("utf-8", "backslashreplace")).replace("\t", "    "))
    return text.append(shown, style="red" if line.stream == STDERR else "")
