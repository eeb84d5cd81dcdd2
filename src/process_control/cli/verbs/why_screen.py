"""The answer of `why`, on a terminal and in a pipe: at most 24 lines, the reason first, commands whole to be pasted."""

from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from process_control.cli.print.plain import clean, is_terminal
from process_control.cli.print.screen import console, width
from process_control.cli.print.table import wrapped
from process_control.core.moments import clock, in_local_time
from process_control.core.sentence import Sentence, with_configuration
from process_control.views.why import Why

MAX_LINES = 24
COLUMNS = 80
INDENT = "  "
STYLES = {"ran": "", "skipped": "yellow", "missed": "bold red", "due": "cyan"}


def show_why(answer: Why, now: datetime, option: str) -> None:
    """Print the sentences; each that has a command ends in it, on the same line or on the next one."""
    columns = width() if is_terminal() else COLUMNS
    sentences = with_configuration(answer.sentences, option)
    lines = [_title(answer, now, columns)]
    for number, sentence in enumerate(sentences):
        lines += _lines(sentence, now, columns, style=_style(answer, number))
    if len(lines) > MAX_LINES:
        more = f"process-control why {answer.job} --json"
        lines = [*lines[: MAX_LINES - 1], Text(f"{INDENT}More: {more}", style="dim")]
    for line in lines:
        console().print(line)


def _title(answer: Why, now: datetime, columns: int) -> Text:
    title = Text(clean(answer.job), style="bold")
    right = clock(now)
    space = columns - title.cell_len - len(right)
    return title.append(" " * space).append(right, style="dim") if space > 2 else title


def _style(answer: Why, number: int) -> str:
    """Return how the first sentence is shown: it has the reason."""
    if number:
        return ""
    if answer.blocked_by and not answer.runs:
        return "bold red"
    fate = answer.account.slot.fate if answer.account is not None else ""
    return "cyan" if answer.runs else STYLES.get(fate, "")


def _lines(sentence: Sentence, now: datetime, columns: int, *, style: str) -> list[Text]:
    text = clean(in_local_time(sentence.text, now))
    if sentence.command is None:
        return [Text(line, style=style) for line in wrapped(text, columns)]
    *before, last = wrapped(text, columns - len(INDENT))
    found = [Text(f"{INDENT}{line}") for line in before]
    command = clean(sentence.command)
    if cell_len(last) + 1 + cell_len(command) <= columns - len(INDENT):
        return [*found, Text(f"{INDENT}{last} ").append(command, style="bold")]
    return [*found, Text(f"{INDENT}{last}"), Text(f"{INDENT}{INDENT}").append(command, style="bold")]
