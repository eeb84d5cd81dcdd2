"""Parses YAML to a tree of texts, lists and maps, each with line and column, and finds all faults.

Parsing is strict: no anchors, aliases, tags or duplicate keys, and limits against bombs. Hard tabs are accepted. All
values stay texts; the kinds in `config/keys/` convert them.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from process_control.config.odd_places import meant, odd_place, refuse_merge_marks
from process_control.config.yaml.nodes import Broken, Faults, List, Map, Node, Text, quoted
from process_control.config.yaml.repair import Repair
from process_control.core.odd_characters import named
from process_control.errors import Fault

MAX_BYTES = 64 * 1024
MAX_LEVELS = 10
MAX_EVENTS = 5_000
MAX_REPAIRS = 50

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # resolves nothing: every scalar is text

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Document(NamedTuple):
    """A file that was parsed."""

    #: None when the file is empty, or cannot be read (then there are faults)
    root: Node | None
    faults: Faults
    #: the lines, from 1, with hard tabs as indentation
    tabbed_lines: tuple[int, ...] = ()

    def warnings(self) -> list[Fault]:
        """Return a warning for each line whose hard tab was read as up to the next column of 8."""
        return [
            Fault(
                "hard tab used as indentation",
                where=f"{self.faults.name}:{line}:1",
                hint="replace tabs by spaces: process-control lint --fix",
            )
            for line in self.tabbed_lines
        ]


def parse(source: bytes, name: str) -> Document:
    """Parse `source`. `name` is put before line and column in messages. Never raises: see `Document.faults`."""
    text, fault = _decode(source, name)
    if text is None:
        return Document(None, fault)
    if refuse_merge_marks(text, fault):
        return Document(None, fault)
    repair = Repair(text)
    for _ in range(MAX_REPAIRS):
        faults = Faults(name, repair.columns_added())
        faults.text = text
        try:
            root = _compose(repair.text, faults)
        except yaml.YAMLError as error:
            if repair.fixes(error):
                continue
            _add_yaml_error(error, repair.lines, faults)
            root = None
        repair.report(faults)
        return Document(root, faults, repair.tabbed_lines)
    faults = Faults(name, repair.columns_added())
    faults.text = text
    repair.report(faults)
    faults.add("the rest of the file was not read", repair.last_place, hint="fix this line and those before it first")
    return Document(None, faults, repair.tabbed_lines)


def without_tabs(text: str) -> str:
    """Return `text` with spaces for the hard tabs that are read as indentation."""
    return _repaired(text)[0].text_with_spaces_for_tabs() if len(text) <= MAX_BYTES else text


def repaired(text: str) -> str:
    """Return `text` as it is read: with spaces for hard tabs, and quotes around schedules.

    When it is no YAML even so, there are no new quotes: they might be at the wrong place.
    """
    if len(text) > MAX_BYTES:
        return text
    repair, is_yaml = _repaired(text)
    return repair.text if is_yaml else repair.text_with_spaces_for_tabs()


def _repaired(text: str) -> tuple[Repair, bool]:
    """Return the text after all repairs, and whether it is YAML then."""
    repair = Repair(text)
    for _ in range(MAX_REPAIRS):
        try:
            _compose(repair.text, Faults(""))
        except yaml.YAMLError as error:
            if repair.fixes(error):
                continue
            return repair, False
        return repair, True
    return repair, False


# --- bytes to text ---------------------------------------------------------------------------------------------------


def _decode(source: bytes, name: str) -> tuple[str | None, Faults]:
    faults = Faults(name)
    if len(source) > MAX_BYTES:
        faults.add("the file is larger than 64 KiB", (1, 1), hint="move data to another file")
        return None, faults
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        faults.add("the file is UTF-16", (1, 1), hint="save it as UTF-8")
        return None, faults
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8", "replace")
        faults.add(
            f"byte 0x{source[error.start]:02x} is not UTF-8", _place_after(before), hint="save the file as UTF-8"
        )
        return None, faults
    odd = _UNPRINTABLE.search(text)
    if odd:
        what = "a NUL byte" if odd[0] == "\0" else f"the control character {odd[0]!r}"
        faults.add(what, _place_after(text[: odd.start()]), hint="remove it: the file must be plain text")
        return None, faults
    return text, faults


def _place_after(text: str) -> tuple[int, int]:
    lines = (text + "|").splitlines()
    return len(lines), len(lines[-1])


# --- events to nodes -------------------------------------------------------------------------------------------------


def _compose(text: str, faults: Faults) -> Node | None:
    """Return the tree of the one document in `text`. Raises yaml.YAMLError for what is not YAML."""
    loader = _Loader(text)
    try:
        composer = _Composer(text, faults)
        for event in _events(loader):
            if not composer.takes(event):
                return None
        return composer.root
    finally:
        loader.dispose()


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


class _Composer:
    """Builds the tree from the parser's events, in one pass and without recursion."""

    def __init__(self, text: str, faults: Faults) -> None:
        self.root: Node | None = None
        self._text = text
        self._faults = faults
        self._open: list[List | Map] = []
        self._keys: list[Text | None] = []  # for each open node: the key that waits for its value
        self._seen: list[dict[str, int]] = []  # for each open node: its keys and their lines
        self._events = 0
        self._documents = 0

    def takes(self, event: Any) -> bool:
        """Add the event. Return False when no more events must be read."""
        self._events += 1
        mark: Any = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if self._events > MAX_EVENTS:
            self._faults.add(f"more than {MAX_EVENTS:,} entries", place, hint="move data to another file")
            return False
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_extras(event, place)
            end: Any = event.end_mark
            raw = self._text[mark.index : end.index]
            self._put(Text(event.value, *place, event.style is None or event.style == "", raw))
        elif isinstance(event, yaml.CollectionStartEvent):
            return self._enter(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
            self._seen.pop()
        elif isinstance(event, yaml.AliasEvent):
            anchor = str(event.anchor)
            self._faults.add(
                f"alias {quoted('*' + anchor)} is not allowed",
                place,
                hint="write the value out, or quote the text",
            )
            self._put(Broken(*place))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._faults.add("a second document", place, hint="one file is one job: remove the '---'")
                return False
        return True

    def _enter(self, event: Any, place: tuple[int, int]) -> bool:
        if len(self._open) >= MAX_LEVELS:
            self._faults.add(f"nested deeper than {MAX_LEVELS} levels", place, hint="a job file is flat")
            return False
        self._refuse_extras(event, place)
        node = Map(*place) if isinstance(event, yaml.MappingStartEvent) else List(*place)
        self._put(node)
        self._open.append(node)
        self._keys.append(None)
        self._seen.append({})
        return True

    def _refuse_extras(self, event: Any, place: tuple[int, int]) -> None:
        if event.anchor is not None:
            self._faults.add(f"anchor {quoted('&' + event.anchor)} is not allowed", place, hint="remove it")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
            self._faults.add(f"tag {quoted(tag)} is not allowed", place, hint="remove it: each key has one type")

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, List):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._key(node)
            return
        self._keys[-1] = None
        seen = self._seen[-1]
        if key.value in seen and key.column:
            self._faults.add(
                f"duplicate key {quoted(key.value)} (first on line {seen[key.value]})", key, hint="keep one of the two"
            )
            return
        if key.column:
            seen[key.value] = key.line
            parent.entries.append((key, node))

    def _key(self, node: Node) -> Text:
        if isinstance(node, Text):
            return node
        if not isinstance(node, Broken):
            self._faults.add("a key must be text", node, hint="write 'key: value'")
        return Text("", node.line, 0)  # column 0: dropped together with its value


# --- errors of the parser --------------------------------------------------------------------------------------------

_HINTS = {
    "mapping values are not allowed in this context": "check the indentation; quote a text that contains ': '",
    "found character that cannot start any token": "quote the text: it begins with a character that is special in YAML",
    "found unexpected end of stream": "close the quote",
    "block sequence entries are not allowed in this context": "begin the list on a new line",
    "did not find expected key": "check the indentation: the keys of a map begin in the same column",
    "did not find expected '-' indicator": "check the indentation: the items of a list begin in the same column",
    "did not find expected ',' or '}'": "close the brace; separate with commas",
    "did not find expected ',' or ']'": "close the bracket; separate with commas",
    "did not find expected <document start>": "check the indentation: the keys of a map begin in the same column",
    "found unknown escape character": "use single quotes, or write the backslash twice",
    "did not find expected alphabetic or numeric character": "quote a text that begins with * or &, like a schedule",
    "could not find expected ':'": "write a ':' and a space after the key",
}

_UNCLOSED = {"did not find expected ',' or '}'": "map", "did not find expected ',' or ']'": "list"}


def _add_yaml_error(error: yaml.YAMLError, lines: list[str], faults: Faults) -> None:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    mark = getattr(error, "problem_mark", None)
    opened = getattr(error, "context_mark", None)
    odd = None if mark is None else odd_place(lines, min(mark.line, opened.line if opened else mark.line), mark.line)
    if odd is not None:
        what = f"not YAML: {named(odd[2])} only looks like an ordinary character"
        faults.add(what, odd[:2], hint=meant(odd[2]))
        return
    hint = _HINTS.get(problem, "check quotes, brackets and indentation")
    if opened is not None and mark is not None and mark.line > opened.line and problem in _UNCLOSED:
        until = f", or lacks a comma, before line {mark.line + 1}" if mark.line < len(lines) else ""
        mark, problem = opened, f"the {_UNCLOSED[problem]} that begins here is not closed{until}"
    elif opened is not None and (mark is None or "end of stream" in problem or mark.line >= len(lines)):
        mark = opened  # where the quote or the key began is more useful than the end of the file
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    excerpt = lines[line].strip() if line < len(lines) else ""
    what = f"not YAML: {problem}" + (f", in {quoted(excerpt)}" if excerpt else "")
    faults.add(what, (line + 1, column + 1), hint=hint)
