"""A page of documentation on a terminal."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table
from rich.theme import Theme

#: No background: it suits dark and light terminals.
STYLES = {"markdown.code": "bold cyan", "markdown.code_block": "cyan"}


class _FoldedTable(TableElement):
    """A table whose cells are wrapped inside a word where they must be: rich cuts them and writes an ellipsis."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for each in super().__rich_console__(console, options):
            if isinstance(each, Table):
                for column in each.columns:
                    column.overflow = "fold"
            yield each


class _Page(Markdown):
    elements = {**Markdown.elements, "table_open": _FoldedTable}  # noqa: RUF012  as rich declares it


def show_page(text: str) -> None:
    """Print a page as it is set for a terminal."""
    Console(theme=Theme(STYLES)).print(_Page(text, hyperlinks=False, code_theme="ansi_dark"))
