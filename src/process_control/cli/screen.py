"""What a terminal gets: calm columns, a little colour. Every text has been through `plain.clean` before."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from process_control.cli.plain import MARKS, clean
from process_control.history.log_reader import DROPPED, STDERR, Line

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
OUTCOME_STYLES = {
    "succeeded": "green",
    "warned": "yellow",
    "failed": "red",
    "lost": "bold red",
    "skipped": "dim",
    None: "cyan",
}
DRAWN = {"succeeded": "▪", "warned": "▴", "failed": "✗", "lost": "?", "skipped": "·", None: "▸"}
GAP = "  "


def console() -> Console:
    """Return the terminal; colour as it can, none with NO_COLOR."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def width() -> int:
    return shutil.get_terminal_size().columns


def height() -> int:
    return shutil.get_terminal_size().lines


def draws_unicode(screen: Console) -> bool:
    return screen.encoding.lower().replace("-", "") == "utf8"


def drawn_marks(outcomes: Sequence[str | None], *, unicode: bool) -> Text:
    text = Text()
    for outcome in outcomes:
        text.append((DRAWN if unicode else MARKS).get(outcome, "?"), style=OUTCOME_STYLES.get(outcome, "red"))
    return text


def columns(rows: Sequence[Sequence[Text]], *, header: Sequence[str] = (), right: Sequence[int] = ()) -> list[Text]:
    """Return rows of cells as lines: each column as wide as its widest cell, those of `right` to the right."""
    table = [[Text(word, style="dim") for word in header], *rows] if header else list(rows)
    count = max((len(row) for row in table), default=0)
    widths = [max((row[column].cell_len for row in table if column < len(row)), default=0) for column in range(count)]
    return [_line(row, widths, right) for row in table]


def _line(row: Sequence[Text], widths: Sequence[int], right: Sequence[int]) -> Text:
    line = Text()
    for column, cell in enumerate(row):
        space = " " * (widths[column] - cell.cell_len)
        if column:
            line.append(GAP)
        if column in right:
            line.append(space)
            line.append_text(cell)
        else:
            line.append_text(cell)
            if column < len(row) - 1:
                line.append(space)
    return line


def shortened(text: str, cells: int) -> str:
    """Return `text` in so many cells at most, an ellipsis in place of what is left out."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - 1, 0)).rstrip() + "…" if cells > 0 else ""


def clock(now: datetime) -> str:
    local = now.astimezone()
    return f"{local:%a %d %b %H:%M} {local.tzname()}"


def output_line(line: Line, began: datetime | None) -> Text:
    """Return a line of output for a terminal: time in front, stderr in red."""
    text = Text()
    if line.seconds is not None and began is not None:
        moment = (began + timedelta(seconds=line.seconds)).astimezone()
        text.append(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}  ", style="dim")
    if line.stream == DROPPED:
        return text.append(f"[… {line.dropped:,} bytes dropped …]", style="yellow")
    shown = clean(line.shown.decode("utf-8", "backslashreplace").replace("\t", "    "))
    return text.append(shown, style="red" if line.stream == STDERR else "")
