"""Repairs a text until it is YAML: hard tabs as indentation, and texts that must be quoted."""

import re

import yaml

from process_control.config.yaml.nodes import Faults, quoted, shown

TAB_WIDTH = 8

_MUST_BE_QUOTED = (
    r"(?P<head>\s*(?:-\s+)*(?:(?P<key>[\w-]+)\s*:\s+)?)"
    r"(?P<value>\*\S*(?:\s+[^\s#]\S*){4}|@\S+|\*/\S+)(?P<rest>\s*(?:\s#.*)?)$"
)


class Repair:
    """A text that is repaired line by line until it is YAML, so that the other faults of the file are found too.

    Tabs become the spaces that they are read as, and that `lint --fix` writes. An unquoted schedule, which is no YAML,
    would hide all other faults of its file.
    """

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self.last_place = (1, 1)
        self._tabbed: dict[int, str] = {}
        self._unquoted: dict[int, tuple[str, int, str, str]] = {}

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def tabbed_lines(self) -> tuple[int, ...]:
        return tuple(number + 1 for number in sorted(self._tabbed))

    def columns_added(self) -> dict[int, int]:
        return {number + 1: len(self.lines[number]) - len(line) for number, line in self._tabbed.items()}

    def text_with_spaces_for_tabs(self) -> str:
        lines = list(self.lines)
        for number, (original, *_) in self._unquoted.items():
            lines[number] = original
        return "".join(lines)

    def report(self, faults: Faults) -> None:
        for number, (_, column, key, value) in self._unquoted.items():
            subject = "schedule" if key in ("", "schedule") else "value"
            faults.add(
                f"the {subject} {quoted(value)} is not quoted",
                (number + 1, column),
                hint=f'quote the {subject}: {key + ": " if key else ""}"{shown(value)}"',
            )

    def fixes(self, error: yaml.YAMLError) -> bool:
        """Repair the line that `error` names. Return False if it cannot be repaired."""
        mark = getattr(error, "problem_mark", None)
        if mark is None or mark.line >= len(self.lines):
            return False
        self.last_place = (mark.line + 1, mark.column + 1)
        return self._indents(mark.line) or self._quotes(mark.line)

    def _indents(self, number: int) -> bool:
        if "\t" not in _leading_white(self.lines[number]):
            return False
        if self._tabbed or not self.lines[number].startswith("\t"):
            self._indent(number)
            return True
        # All lines that begin with a tab at once, else a file full of them is parsed as often as it has lines. It
        # changes no value: in quoted texts leading white space counts nothing, in block texts such a line is an error.
        for other in range(number, len(self.lines)):
            if self.lines[other].startswith("\t"):
                self._indent(other)
        return True

    def _indent(self, number: int) -> None:
        line = self.lines[number]
        white = _leading_white(line)
        self._tabbed[number] = line
        self.lines[number] = white.expandtabs(TAB_WIDTH) + line[len(white) :]

    def _quotes(self, number: int) -> bool:
        line = self.lines[number]
        ending = line[len(line.rstrip("\r\n\x85\u2028\u2029")) :]
        match = re.match(_MUST_BE_QUOTED, line[: len(line) - len(ending)])
        if match is None:
            return False
        value = match["value"]
        self._unquoted[number] = (line, len(match["head"]) + 1, match["key"] or "", value)
        self.lines[number] = f"{match['head']}'{value.replace(chr(39), chr(39) * 2)}'{match['rest']}{ending}"
        return True


def _leading_white(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
