"""The hosts that did not answer, on the terminal: a row each, with what to do."""

from collections.abc import Sequence

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, draws_unicode, width
from process_control.cli.print.table import Column, lines_of
from process_control.fleet.reply import Reply

#: More hosts with the same reason than this are one row, in which so many are named.
MAX_ALONE = 4
MAX_NAMED = 8
COLUMNS = (
    Column(title="HOST", gives_way=3, min_width=16, breaks=True),
    Column(title="NO ANSWER", gives_way=2, min_width=24, breaks=True),
    Column(title="HINT", gives_way=1, min_width=20, breaks=True),
)


def show_dead_hosts(replies: Sequence[Reply]) -> int:
    """Print those that did not answer, and how many of how many that is; return how many lines that takes.

    Many with the same reason are one row.
    """
    dead = [reply for reply in replies if reply.error is not None]
    if not dead:
        return 0
    screen = console()
    symbol = "✗ " if draws_unicode(screen) else ""
    lines = [Text(count_in_words(replies), style="bold red")]
    for row in lines_of([_row(group, symbol) for group in _groups(dead)], COLUMNS, width()):
        lines += row
    for line in [*lines, Text()]:
        screen.print(line)
    return len(lines) + 1


def _groups(dead: Sequence[Reply]) -> list[list[Reply]]:
    """Return the hosts, several of the same reason together when they are many."""
    found: dict[str, list[Reply]] = {}
    for reply in dead:
        found.setdefault(reply.error.what if reply.error else "", []).append(reply)
    return [
        group for same in found.values() for group in ([same] if len(same) > MAX_ALONE else [[each] for each in same])
    ]


def count_in_words(replies: Sequence[Reply]) -> str:
    """Return `2 of 12 hosts did not answer`."""
    dead = sum(not reply.is_ok for reply in replies)
    return f"{dead:,} of {hosts_in_words(len(replies))} did not answer"


def hosts_in_words(count: int) -> str:
    return "1 host" if count == 1 else f"{count:,} hosts"


def _row(group: Sequence[Reply], symbol: str) -> list[Text]:
    first = group[0]
    what, hint = (first.error.what, first.error.hint) if first.error is not None else ("", "")
    names = ", ".join(reply.host for reply in group[:MAX_NAMED])
    more = f" and {len(group) - MAX_NAMED:,} more" if len(group) > MAX_NAMED else ""
    return [
        Text(f"{symbol}{clean(names)}{more}", style="bold red"),
        Text(clean(what)),
        Text(clean(hint), style="cyan"),
    ]
