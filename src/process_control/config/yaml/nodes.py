"""What a file of YAML is made of: texts, lists and maps, each with line and column; and the faults found in it."""

from dataclasses import dataclass, field

from process_control.errors import Fault

MAX_FAULTS = 100
MAX_EXCERPT = 60

# The nodes are not frozen: thousands are made at a start, and freezing doubles what each costs.


@dataclass(slots=True)
class Text:
    """A scalar as written. `plain` is True when it stood there without quotes; `raw` is it as the file has it."""

    value: str
    line: int
    column: int
    plain: bool = False
    raw: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing stands there, or one of YAML's words for nothing."""
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class List:
    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Map:
    line: int
    column: int
    entries: "list[tuple[Text, Node]]" = field(default_factory=list)


@dataclass(slots=True)
class Broken:
    """Something that a fault was already told about: say no more of it."""

    line: int
    column: int


Node = Text | List | Map | Broken


class Faults:
    """The faults of one file, in the order of their places; more than a screenful is counted, not told."""

    __slots__ = ("_columns_added", "_found", "_shown", "_untold", "name", "text")

    def __init__(self, name: str, columns_added: dict[int, int] | None = None) -> None:
        """`columns_added` tells, by line, how much wider its hard tabs were made for reading."""
        self.name = name
        self.text = ""
        """What the file says, for the faulty lines; set by whoever reads it."""
        self._columns_added = columns_added or {}
        self._untold = 0
        self._found: list[tuple[int, int, Fault]] = []
        self._shown: list[tuple[int, Fault]] = []

    def add(self, what: str, place: Node | tuple[int, int], *, hint: str = "", is_in_line: bool = True) -> None:
        """Note a fault. `is_in_line`: the line at its place shows what is wrong, else something is missing there."""
        if len(self._found) >= MAX_FAULTS:
            self._untold += 1
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
        if self._untold:
            ordered.append(Fault(f"and {self._untold} more faults", where=self.name))
        return ordered


def place_in(node: Text, offset: int) -> tuple[int, int]:
    """Return where a character of the value stands in the file; the value's begin when that cannot be told."""
    offsets = raw_offsets(node)
    if offset >= len(offsets):
        return node.line, node.column
    at = offsets[offset]
    line_begins = node.raw.rfind("\n", 0, at) + 1
    return node.line + node.raw.count("\n", 0, at), at - line_begins + (1 if line_begins else node.column)


def raw_offsets(node: Text) -> list[int]:
    """Return for each character of the value where it stands in `raw`; fewer when they do not tell."""
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
    """Return `text` in quotes for a message: on one line, short, nothing that could move a terminal's cursor."""
    return repr(text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…")


def shown(text: str) -> str:
    """Return `text` as `quoted` does, without the quotes."""
    return quoted(text)[1:-1]
