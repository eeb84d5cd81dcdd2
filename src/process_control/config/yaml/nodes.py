"""The nodes of a YAML file: texts, lists and maps, each with line and column; and the faults found in it."""

from process_control.errors import Fault

MAX_FAULTS = 100
MAX_EXCERPT = 60

# Classes without `dataclasses`, whose import is a tenth of a start that parses.


class Text:
    """A scalar. Every scalar is a text."""

    __slots__ = ("column", "line", "plain", "raw", "value")

    def __init__(self, value: str, line: int, column: int, plain: bool = False, raw: str = "") -> None:
        self.value = value
        #: from 1, as in all nodes
        self.line = line
        #: from 1, as in all nodes
        self.column = column
        #: whether it is written without quotes
        self.plain = plain
        #: as the file has it, with quotes and escapes
        self.raw = raw

    @property
    def is_empty(self) -> bool:
        """Whether there is no value, or one of YAML's words for null."""
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")


class List:
    __slots__ = ("column", "items", "line")

    def __init__(self, line: int, column: int, items: "list[Node] | None" = None) -> None:
        self.line = line
        self.column = column
        self.items = [] if items is None else items


class Map:
    __slots__ = ("column", "entries", "line")

    def __init__(self, line: int, column: int, entries: "list[tuple[Text, Node]] | None" = None) -> None:
        self.line = line
        self.column = column
        self.entries = [] if entries is None else entries


class Broken:
    """A node that has a fault already: no further one is added."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


Node = Text | List | Map | Broken


class Faults:
    """The faults of one file. Beyond MAX_FAULTS they are only counted."""

    __slots__ = ("_columns_added", "_found", "_left_out", "_shown", "name", "text")

    def __init__(self, name: str, columns_added: dict[int, int] | None = None) -> None:
        """Begin without faults. `columns_added` is, by line, how many columns the replacement of hard tabs added."""
        self.name = name
        #: the text of the file, set by the reader, for `Fault.line`
        self.text = ""
        self._columns_added = columns_added or {}
        self._left_out = 0
        self._found: list[tuple[int, int, Fault]] = []
        self._shown: list[tuple[int, Fault]] = []

    def add(self, what: str, place: Node | tuple[int, int], *, hint: str = "", is_in_line: bool = True) -> None:
        """Add a fault. `is_in_line`: the line at its place shows what is wrong; else something is missing there."""
        if len(self._found) >= MAX_FAULTS:
            self._left_out += 1
            return
        line, column = place if isinstance(place, tuple) else (place.line, place.column)
        column = max(1, column - self._columns_added.get(line, 0))
        fault = Fault(what, where=f"{self.name}:{line}:{column}", hint=hint)
        self._found.append((line, column, fault))
        if is_in_line:
            self._shown.append((line, fault))

    @property
    def count(self) -> int:
        return len(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def in_order(self) -> list[Fault]:
        lines = self.text.splitlines()
        for number, fault in self._shown:
            fault.line = lines[number - 1] if 0 < number <= len(lines) else ""
        ordered = [fault for _, _, fault in sorted(self._found, key=lambda found: found[:2])]
        if self._left_out:
            ordered.append(Fault(f"and {self._left_out} more faults", where=self.name))
        return ordered


def place_in(node: Text, offset: int) -> tuple[int, int]:
    """Return line and column of a character of the value; those of the value if they are unknown."""
    offsets = raw_offsets(node)
    if offset >= len(offsets):
        return node.line, node.column
    at = offsets[offset]
    line_begins = node.raw.rfind("\n", 0, at) + 1
    return node.line + node.raw.count("\n", 0, at), at - line_begins + (1 if line_begins else node.column)


def raw_offsets(node: Text) -> list[int]:
    """Return for each character of the value its offset in `raw`; fewer if the rest cannot be found."""
    raw, at = node.raw, 0
    if not node.plain:
        at = raw.find("\n") + 1 if raw[:1] in ("|", ">") else 1
    offsets: list[int] = []
    for char in node.value:
        at = raw.find("\\n" if char == "\n" and raw[:1] == '"' else char, at)
        if at < 0:
            break
        offsets.append(at)
        at += 1
    return offsets


def quoted(text: str) -> str:
    """Return `text` in quotes for a message: on one line, cut, and without control characters."""
    return repr(text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…")


def shown(text: str) -> str:
    """Return `text` as `quoted` does, without the quotes."""
    return quoted(text)[1:-1]
