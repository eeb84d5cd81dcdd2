"""Finds what an author overlooks: conflict marks of a merge, and characters that look like others. Pure."""

import re
from collections.abc import Sequence

from process_control.config.yaml.nodes import Faults
from process_control.core.odd_characters import NAMES, QUOTES, VISIBLE, named

_MERGE_MARK = re.compile(r"(?:<{7}|\|{7}|={7}|>{7})(?: .*)?")


def refuse_merge_marks(text: str, faults: Faults) -> bool:
    """Add a fault for each unresolved merge conflict in the file. Return whether there is one."""
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return False
    lines = text.splitlines()
    marks = [number for number, line in enumerate(lines, start=1) if _MERGE_MARK.fullmatch(line.rstrip())]
    begins = [number for number in marks if lines[number - 1].startswith("<")] or marks[:1]
    for begin in begins:
        end = next((number for number in marks if number > begin and lines[number - 1].startswith(">")), begin)
        what = f"an unresolved merge conflict, lines {begin} to {end}" if end > begin else "a mark of a merge conflict"
        faults.add(
            what, (begin, 1), hint="keep the lines that are right, and remove the lines <<<<<<<, =======, >>>>>>>"
        )
    return bool(begins)


def odd_place(lines: Sequence[str], first: int, last: int) -> tuple[int, int, str] | None:
    """Return line and column, from 1, of the last character that is not what it looks like, and the character.

    Only the lines with the indexes `first` to `last` are searched, without their comments.
    """
    for number in range(min(last, len(lines) - 1), first - 1, -1):
        text = lines[number].rstrip("\r\n").partition(" #")[0]
        for column, character in enumerate(text, start=1):
            if character in NAMES and not (character in VISIBLE and character not in QUOTES):
                return number + 1, column, character
    return None


def meant(character: str) -> str:
    """Return the hint for such a character in YAML or a command."""
    if character in QUOTES:
        return "write ' or \""
    return "write a plain space" if "space" in NAMES[character] and character != "\u200b" else "remove it"


def hint_to_remove(text: str) -> str:
    """Return the hint for a value that has such a character; empty for one that has none."""
    character = next((character for character in text if character in NAMES), None)
    if character is None:
        return ""
    plain = " ' or \"" if character in QUOTES else " -" if character in VISIBLE else ""
    return f"remove {named(character).replace('a ', 'the ', 1)}" + (f", or write{plain}" if plain else "")
