"""Edits a YAML file: scalars are replaced in place, everything else stays byte for byte as it was.

Here are the edits and the report of them; which edits to make is decided by the caller.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from process_control.config.yaml.document import parse, without_tabs
from process_control.config.yaml.nodes import Map, Node, Text, shown


@dataclass(frozen=True, slots=True)
class Addition:
    """A key to add."""

    key: str
    #: in YAML
    value: str
    #: the reason, for the report
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, for the report."""

    #: of the original file; None for an added key
    line: int | None
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """The new file. One that cannot be parsed stays unchanged."""

    source: bytes
    #: in the order of the lines
    changes: tuple[Change, ...] = ()


_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\n]|'')*'")


@dataclass(slots=True)
class EditedText:
    """A file, and the edits to make in it. Places are those of the unedited lines."""

    source: bytes
    root: Node | None = None
    _lines: list[str] = field(default_factory=list)
    _edits: list[tuple[int, int, int, str]] = field(default_factory=list)  # line, begin, end, new text
    _appended: list[str] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        document = parse(self.source, "")
        if document.root is None:
            return
        text = without_tabs(self.source.decode("utf-8-sig"))
        self.root = document.root if not document.tabbed_lines else parse(text.encode(), "").root
        self._lines = text.splitlines(keepends=True)
        for line in document.tabbed_lines:
            self._changes.append(Change(line=line, what="hard tab -> spaces", why="YAML knows no tabs"))

    def result(self) -> Rewritten:
        """Return the text with all edits made."""
        if not self._edits and not self._appended and not self._changes:
            return Rewritten(source=self.source)
        for line, begin, end, new in sorted(self._edits, reverse=True):
            self._lines[line] = self._lines[line][:begin] + new + self._lines[line][end:]
        text = "".join(self._lines)
        if self._appended:
            text = text + ("" if text.endswith("\n") else "\n") + "".join(self._appended)
        changes = sorted(self._changes, key=lambda change: (change.line is None, change.line))
        return Rewritten(source=text.encode(), changes=tuple(changes))

    def span(self, node: Text) -> tuple[int, int, int] | None:
        """Return line, begin and end (from 0) of a scalar on one line, with its quotes; None for others."""
        line, begin = node.line - 1, node.column - 1
        text = self._lines[line] if line < len(self._lines) else ""
        if node.plain:
            end = begin + len(node.value)
            return (line, begin, end) if node.value and text[begin:end] == node.value else None
        match = _QUOTED.match(text, begin)
        return (line, begin, match.end()) if match else None

    def edit(self, node: Text, new: str) -> None:
        """Replace a scalar by `new`, without a report. A scalar of several lines stays unchanged."""
        if place := self.span(node):
            self._edits.append((*place, new))

    def report(self, node: Text, what: str, why: str) -> None:
        self.report_line(node.line, what, why)

    def replace(self, node: Text, new: str, shown_old: str, shown_new: str, why: str) -> None:
        """Replace a scalar by `new`, and report `shown_old -> shown_new`."""
        if self.span(node):
            self.edit(node, new)
            self.report(node, f"{shown_old} -> {shown_new}", why)

    def replace_part(self, node: Text, old: str, new: str, shown_old: str, shown_new: str, why: str) -> None:
        """Replace the beginning `old` of a scalar, as `replace` does."""
        place = self.span(node)
        if place is None:
            return
        line, begin, _ = place
        begin += 0 if node.plain else 1
        if self._lines[line][begin : begin + len(old)] == old:
            self._edits.append((line, begin, begin + len(old), new))
            self.report(node, f"{shown_old} -> {shown_new}", why)

    def make_note(self, key: Text, name: str, why: str) -> None:
        """Turn a key into a note, `x-…`: it stays in the file, and has no effect."""
        place = self.span(key)
        if place is not None:
            begin = place[1] + (0 if key.plain else 1)
            self._edits.append((place[0], begin, begin, "x-"))
            head, _, last = name.rpartition(".")
            self.report(key, f"{shown(name)} -> {head + '.' if head else ''}x-{shown(last)}", why)

    def insert(self, node: Map, added: Sequence[Addition], prefix: str) -> None:
        """Add keys before the first one of a map, in its style: a line each, or with commas."""
        if not node.entries or not added:
            return
        first = node.entries[0][0]
        white = self._lines[first.line - 1][: first.column - 1]
        end = ", " if white.strip() else f"\n{white}"
        new = "".join(f"{each.key}: {each.value}{end}" for each in added)
        self._edits.append((first.line - 1, first.column - 1, first.column - 1, new))
        self._report_added(added, prefix)

    def append(self, root: Map, added: Sequence[Addition]) -> None:
        """Add keys at the end of the file, a line each."""
        white = " " * (root.column - 1)
        self._appended += [f"{white}{each.key}: {each.value}\n" for each in added]
        self._report_added(added, "")

    def append_map(self, root: Map, name: str, added: Sequence[Addition]) -> None:
        """Add the map `name` at the end of the file, unless it would be empty."""
        white = " " * (root.column - 1)
        if added:
            self._appended += [f"{white}{name}:\n", *(f"{white}  {each.key}: {each.value}\n" for each in added)]
        self._report_added(added, f"{name}.")

    def _report_added(self, added: Sequence[Addition], prefix: str) -> None:
        self._changes += [
            Change(line=None, what=f"{prefix}{each.key}: {each.value} added", why=each.why) for each in added
        ]

    def comments(self) -> list[tuple[int, str]]:
        """Return the lines that are comments, with their numbers."""
        return [
            (number, line.strip()) for number, line in enumerate(self._lines, start=1) if line.lstrip().startswith("#")
        ]

    def report_line(self, line: int, what: str, why: str) -> None:
        self._changes.append(Change(line=line, what=what, why=why))
