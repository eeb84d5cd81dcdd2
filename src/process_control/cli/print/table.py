"""How wide things are on a terminal: columns that give way in a fixed order, and text that breaks between words.

The one rule for every table: where there is no room, ids and long names give way first, reason and schedule last; a
column that would be a stub leaves altogether. Nothing here knows of jobs or runs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

GAP = "  "
MAX_LINES = 4
"""So many lines a cell that breaks has at most: one endless reason must not fill the screen."""
WORTH_BEGINNING = 12
"""With fewer cells left a word longer than a line begins on the next one."""
_WORDS = re.compile(r"(?:run-job|process-control|cron-generate)(?: [^\s,;()]+){1,5}\S*|\S+")
"""A word, or a command of ours to paste."""
_PARTS = re.compile(r"[^/,:;=]*[/,:;=]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `gives_way`: 0 never, else in this order, down to `least` cells; then it leaves if it `may_leave`.

    `breaks`: its text goes on in the next line instead of being cut. `keeps_end`: what is cut is the beginning.
    """

    title: str
    gives_way: int = 0
    least: int = 0
    may_leave: bool = False
    breaks: bool = False
    most_lines: int = MAX_LINES
    keeps_end: bool = False
    is_right: bool = False


def lines_of(rows: Sequence[Sequence[Text]], columns: Sequence[Column], room: int) -> list[list[Text]]:
    """Return the header and each row as lines, none wider than `room` cells if the columns can do that."""
    table = [[Text(column.title, style="dim") for column in columns], *rows]
    natural = [max(row[number].cell_len for row in table) for number in range(len(columns))]
    widths = widths_of(natural, columns, room)
    return [_lines_of_a_row(row, widths, columns) for row in table]


def widths_of(natural: Sequence[int], columns: Sequence[Column], room: int) -> list[int | None]:
    """Return how wide each column is, None for one that leaves."""
    in_order = sorted(
        (each for each in range(len(columns)) if columns[each].gives_way), key=lambda each: columns[each].gives_way
    )
    leaving = [each for each in in_order if columns[each].may_leave]
    gone: set[int] = set()
    while True:
        there = [each for each in range(len(columns)) if each not in gone]
        over = sum(natural[each] for each in there) + len(GAP) * (len(there) - 1) - room
        widths: list[int | None] = [None if each in gone else natural[each] for each in range(len(columns))]
        for each in in_order:
            if each in gone or over <= 0:
                continue
            given = min(over, max(natural[each] - columns[each].least, 0))
            widths[each] = natural[each] - given
            over -= given
        if over <= 0 or len(gone) == len(leaving):
            return widths
        gone.add(leaving[len(gone)])


def wrapped(text: str, room: int, *, most: int | None = None) -> list[str]:
    """Return `text` as lines of at most `room` cells, broken between words; a longer word behind a / , : ; or =.

    `most`: so many lines, then an ellipsis behind a whole word.
    """
    room = max(room, 8)
    found: list[str] = []
    line = ""
    for word in _units(text, room):
        if line and cell_len(line) + 1 + cell_len(word) <= room:
            line += f" {word}"
            continue
        begun = room - cell_len(line) - 1 if line and cell_len(word) > room else 0
        if line and begun < WORTH_BEGINNING:
            found.append(line)
            begun = 0
        *whole, line = _pieces(word, room, first=begun or room, before=f"{line} " if begun else "")
        found += whole
    found += [line] if line or not found else []
    if most is None or len(found) <= most:
        return found
    last = found[most - 1]
    while cell_len(last) > room - 2 and " " in last:
        last = last.rpartition(" ")[0]
    return [*found[: most - 1], f"{shortened(last, room - 2)} …"]


def _units(text: str, room: int) -> Iterator[str]:
    """Give what stays on one line: words, and commands to paste that fit into a line."""
    for unit in _WORDS.findall(text):
        if cell_len(unit) <= room:
            yield unit
        else:
            yield from unit.split()


def _pieces(word: str, room: int, *, first: int, before: str) -> list[str]:
    """Return a word, in pieces when it is longer than a line; the first, of `first` cells, stands after `before`."""
    if cell_len(word) <= first:
        return [before + word]
    pieces, left = [""], first
    for part in _PARTS.findall(word):
        rest = part
        while cell_len(pieces[-1]) + cell_len(rest) > left:
            if pieces[-1] or (len(pieces) == 1 and left < room):
                pieces.append("")
                left = room
                continue
            head = set_cell_size(rest, room).rstrip() or rest[:1]
            pieces[-1:] = [head, ""]
            rest = rest[len(head) :]
        pieces[-1] += rest
    return [piece for piece in ((before + pieces[0]).rstrip(), *pieces[1:]) if piece]


def paragraph(text: str, room: int, *, indent: int, style: str = "", most: int | None = None) -> list[Text]:
    """Return `text` as lines behind an indentation."""
    return [Text(" " * indent).append(line, style=style) for line in wrapped(text, room - indent, most=most)]


def facts(pairs: Sequence[tuple[str, Text]], room: int) -> list[Text]:
    """Return `label: text` lines, labels to the right, long texts going on below their beginning."""
    label_width = max((cell_len(label) for label, _ in pairs), default=0) + 1
    found = []
    for label, text in pairs:
        first, *more = _cell(text, room - label_width - 2, breaks=True, most=None)
        found.append(Text(f"{label:>{label_width}}: ", style="dim").append_text(first))
        found += [Text(" " * (label_width + 2)).append_text(line) for line in more]
    return found


def with_commas(parts: Sequence[Text], room: int) -> list[Text]:
    """Return parts as a list with commas, broken between parts only."""
    lines = [Text()]
    for number, part in enumerate(parts):
        comma = "," if number < len(parts) - 1 else ""
        if lines[-1].cell_len and lines[-1].cell_len + 1 + part.cell_len + len(comma) > room:
            lines.append(Text())
        lines[-1].append(" " if lines[-1].cell_len else "").append_text(part).append(comma)
    return lines


def shortened(text: str, cells: int) -> str:
    """Return `text` in so many cells at most, an ellipsis in place of what is left out."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - 1, 0)).rstrip() + "…" if cells > 0 else ""


def _behind_a_word(text: str, cells: int) -> str:
    """Return `text` shortened behind a whole word, when that leaves more than half of the room."""
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
    return _cell(cell, width, breaks=column.breaks, most=column.most_lines)


def _cell(text: Text, width: int, *, breaks: bool, most: int | None) -> list[Text]:
    """Return a cell as lines; one of several styles is short and stays whole."""
    if text.cell_len <= width or text.spans:
        return [text]
    shown = wrapped(text.plain, width, most=most) if breaks else [_behind_a_word(text.plain, width)]
    return [Text(line, style=text.style) for line in shown]
