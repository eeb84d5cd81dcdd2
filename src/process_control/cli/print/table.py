"""How wide things are on a terminal: columns that give way in a fixed order, and text that breaks between words.

The rule for every table: on a narrow terminal ids and long names are shortened first, reason and schedule last; a
column that would be too narrow is left out. Nothing here knows of jobs or runs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

GAP = "  "
#: Lines of one cell: an endless reason must not fill the screen.
MAX_LINES = 4
#: Cells. A word longer than a line begins on the next line when fewer are left on this one.
MIN_PIECE = 12
#: A word, or a command of ours to paste.
_WORDS = re.compile(r"(?:run-job|process-control|cron-generate)(?: [^\s,;()]+){1,5}\S*|\S+")
_PARTS = re.compile(r"[^/,:;=]*[/,:;=]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column is drawn. Widths are in cells of the terminal."""

    title: str
    #: In which order columns become narrower when the table is too wide; 0: never.
    gives_way: int = 0
    #: It becomes no narrower than this.
    min_width: int = 0
    #: It is left out when `min_width` is still too wide.
    may_leave: bool = False
    #: Its text continues on the next line instead of being cut.
    breaks: bool = False
    max_lines: int = MAX_LINES
    #: The beginning is cut off, not the end.
    keeps_end: bool = False
    is_right: bool = False


def lines_of(rows: Sequence[Sequence[Text]], columns: Sequence[Column], max_width: int) -> list[list[Text]]:
    """Return the header and each row as lines, none wider than `max_width` cells if the columns can do that."""
    table = [[Text(column.title, style="dim") for column in columns], *rows]
    natural = [max(row[number].cell_len for row in table) for number in range(len(columns))]
    widths = widths_of(natural, columns, max_width)
    return [_lines_of_a_row(row, widths, columns) for row in table]


def widths_of(natural: Sequence[int], columns: Sequence[Column], max_width: int) -> list[int | None]:
    """Return the width of each column, None for one that is left out. `natural` are the widths without a limit."""
    in_order = sorted(
        (each for each in range(len(columns)) if columns[each].gives_way), key=lambda each: columns[each].gives_way
    )
    leaving = [each for each in in_order if columns[each].may_leave]
    gone: set[int] = set()
    while True:
        there = [each for each in range(len(columns)) if each not in gone]
        over = sum(natural[each] for each in there) + len(GAP) * (len(there) - 1) - max_width
        widths: list[int | None] = [None if each in gone else natural[each] for each in range(len(columns))]
        for each in in_order:
            if each in gone or over <= 0:
                continue
            given = min(over, max(natural[each] - columns[each].min_width, 0))
            widths[each] = natural[each] - given
            over -= given
        if over <= 0 or len(gone) == len(leaving):
            return widths
        gone.add(leaving[len(gone)])


def wrapped(text: str, max_width: int, *, max_lines: int | None = None) -> list[str]:
    """Return `text` as lines of at most `max_width` cells, broken between words; a longer word behind a / , : ; or =.

    Of more than `max_lines` lines the rest is left out, with an ellipsis behind a whole word.
    """
    max_width = max(max_width, 8)
    found: list[str] = []
    line = ""
    for word in _units(text, max_width):
        if line and cell_len(line) + 1 + cell_len(word) <= max_width:
            line += f" {word}"
            continue
        begun = max_width - cell_len(line) - 1 if line and cell_len(word) > max_width else 0
        if line and begun < MIN_PIECE:
            found.append(line)
            begun = 0
        *whole, line = _pieces(word, max_width, first=begun or max_width, before=f"{line} " if begun else "")
        found += whole
    found += [line] if line or not found else []
    if max_lines is None or len(found) <= max_lines:
        return found
    last = found[max_lines - 1]
    while cell_len(last) > max_width - 2 and " " in last:
        last = last.rpartition(" ")[0]
    return [*found[: max_lines - 1], f"{shortened(last, max_width - 2)} …"]


def _units(text: str, max_width: int) -> Iterator[str]:
    """Yield what stays on one line: words, and commands to paste that fit into a line."""
    for unit in _WORDS.findall(text):
        if cell_len(unit) <= max_width:
            yield unit
        else:
            yield from unit.split()


def _pieces(word: str, max_width: int, *, first: int, before: str) -> list[str]:
    """Return a word, in pieces when it is longer than a line; the first, of `first` cells, stands after `before`."""
    if cell_len(word) <= first:
        return [before + word]
    pieces, left = [""], first
    for part in _PARTS.findall(word):
        rest = part
        while cell_len(pieces[-1]) + cell_len(rest) > left:
            if pieces[-1] or (len(pieces) == 1 and left < max_width):
                pieces.append("")
                left = max_width
                continue
            head = set_cell_size(rest, max_width).rstrip() or rest[:1]
            pieces[-1:] = [head, ""]
            rest = rest[len(head) :]
        pieces[-1] += rest
    return [piece for piece in ((before + pieces[0]).rstrip(), *pieces[1:]) if piece]


def paragraph(text: str, max_width: int, *, indent: int, style: str = "", max_lines: int | None = None) -> list[Text]:
    """Return `text` as lines behind an indentation."""
    return [
        Text(" " * indent).append(line, style=style) for line in wrapped(text, max_width - indent, max_lines=max_lines)
    ]


def facts(pairs: Sequence[tuple[str, Text]], max_width: int) -> list[Text]:
    """Return `label: text` lines, labels to the right, long texts continued below their beginning."""
    label_width = max((cell_len(label) for label, _ in pairs), default=0) + 1
    found = []
    for label, text in pairs:
        first, *more = _cell(text, max_width - label_width - 2, breaks=True, max_lines=None)
        found.append(Text(f"{label:>{label_width}}: ", style="dim").append_text(first))
        found += [Text(" " * (label_width + 2)).append_text(line) for line in more]
    return found


def with_commas(parts: Sequence[Text], max_width: int) -> list[Text]:
    """Return parts as a list with commas, broken between parts only."""
    lines = [Text()]
    for number, part in enumerate(parts):
        comma = "," if number < len(parts) - 1 else ""
        if lines[-1].cell_len and lines[-1].cell_len + 1 + part.cell_len + len(comma) > max_width:
            lines.append(Text())
        lines[-1].append(" " if lines[-1].cell_len else "").append_text(part).append(comma)
    return lines


def shortened(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells, an ellipsis in place of what is left out."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - 1, 0)).rstrip() + "…" if cells > 0 else ""


def _behind_a_word(text: str, cells: int) -> str:
    """Return `text` shortened, behind a whole word where that still fills more than half of the cells."""
    cut = shortened(text, cells)
    words = cut.removesuffix("…").rpartition(" ")[0].rstrip()
    return f"{words} …" if cut != text and cell_len(words) > cells // 2 else cut


def _lines_of_a_row(row: Sequence[Text], widths: Sequence[int | None], columns: Sequence[Column]) -> list[Text]:
    cells = [
        (_fitted(cell, width, column), width, column)
        for cell, width, column in zip(row, widths, columns, strict=True)
        if width is not None
    ]
    found = []
    for number in range(max(len(lines) for lines, _, _ in cells)):
        line = Text()
        for lines, width, column in cells:
            cell = lines[number] if number < len(lines) else Text()
            space = " " * (width - cell.cell_len)
            line.append(GAP if column is not cells[0][2] else "")
            line = line.append(space).append_text(cell) if column.is_right else line.append_text(cell).append(space)
        line.rstrip()
        found.append(line)
    return found


def _fitted(cell: Text, width: int, column: Column) -> list[Text]:
    if cell.cell_len <= width:
        return [cell]
    if column.keeps_end:
        return [cell[len(cell) - width :]]
    return _cell(cell, width, breaks=column.breaks, max_lines=column.max_lines)


def _cell(text: Text, width: int, *, breaks: bool, max_lines: int | None) -> list[Text]:
    """Return a cell as lines; one of several styles is short and stays whole."""
    if text.cell_len <= width or text.spans:
        return [text]
    shown = wrapped(text.plain, width, max_lines=max_lines) if breaks else [_behind_a_word(text.plain, width)]
    return [Text(line, style=text.style) for line in shown]
