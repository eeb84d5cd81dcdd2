"""What a pipe gets: tab-separated text that stays the same from version to version, and `clean` texts for everybody.

Nothing that could steer a terminal passes.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import islice

from process_control.cli.print.output import ROWS_AT_ONCE, print_line
from process_control.notify.message import escape_controls

NO_HEADER_HELP = "In a pipe: without the header line."
MARKS = {"succeeded": ".", "warned": "w", "failed": "F", "lost": "L", "skipped": "-", None: ">"}


def is_terminal() -> bool:
    return sys.stdout.isatty()


def clean(text: object) -> str:
    """Return a text on one line in which nothing can steer a terminal; nothing for None."""
    if text is None:
        return ""
    return escape_controls(str(text)).replace("\n", " ").replace("\t", " ")


def print_header(names: Iterable[str], *, wanted: bool) -> None:
    """Print the names of the columns, for a pipe."""
    if wanted:
        print_tabbed(names)


def marks(outcomes: Sequence[str | None]) -> str:
    """Return the outcomes of runs, oldest first, a letter each; None: running."""
    return "".join([MARKS.get(outcome, "?") for outcome in outcomes])


def print_tabbed(values: Iterable[object]) -> None:
    """Print one line for a pipe. Nothing for None; a tab or newline in a text becomes `\\t` or `\\n`."""
    print_line("\t".join([_plain(value) for value in values]))


def print_rows_tabbed(rows: Iterable[Iterable[object]]) -> None:
    """Print thousands of lines as `print_tabbed` does."""
    some = iter(rows)
    while part := [
        "\t".join(
            [
                "" if value is None else value if value.__class__ is str and value.isprintable() else _plain(value)
                for value in row
            ]
        )
        for row in islice(some, ROWS_AT_ONCE)
    ]:
        print_line("\n".join(part))


def inert(value: object) -> object:
    """Return a cell of a CSV that no spreadsheet takes for a formula, see CWE-1236."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return escape_controls(text).replace("\t", "\\t").replace("\n", "\\n")
