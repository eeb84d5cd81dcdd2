"""Warnings of `lint` about invisible or misleading characters in commands and variables. Pure."""

from collections.abc import Iterator

from process_control.config.command_words import NotSplit, split
from process_control.config.odd_places import meant
from process_control.config.yaml.document import Document
from process_control.config.yaml.nodes import List, Map, Text, place_in
from process_control.core.odd_characters import NAMES, QUOTES, VISIBLE, named
from process_control.errors import Fault

COMMAND_KEYS = ("command", "slow_start_command")
#: Correct in texts of some scripts, and in emoji made of several characters.
JOINS_SIGNS = frozenset("\u200c\u200d\u00ad")


def warnings(document: Document) -> list[Fault]:
    """Return a warning for each command and each variable of the job that has such characters."""
    root, name = document.root, document.faults.name
    found = []
    for key, value in root.entries if isinstance(root, Map) else ():
        if key.value in COMMAND_KEYS:
            texts = [item for item in (value.items if isinstance(value, List) else [value]) if isinstance(item, Text)]
            odd = [(text, at) for text in texts for at in _odd_in_command(text.value)]
        elif key.value == "environment" and isinstance(value, Map):
            odd = [(text, at) for _, text in value.entries if isinstance(text, Text) for at in _unseen(text.value)]
        else:
            continue
        for text, at in odd:
            line, column = place_in(text, at)
            character = text.value[at]
            what = f"'{key.value}' has {named(character)}"
            found.append(Fault(what, where=f"{name}:{line}:{column}", hint=_meant(character)))
    return found


def _meant(character: str) -> str:
    if character in QUOTES:
        return "write ' or \": typographic quotes do not quote"
    return "write - for an option" if character in VISIBLE else meant(character)


def _unseen(text: str) -> Iterator[int]:
    """Yield the offset of the first invisible character."""
    for at, character in enumerate(text):
        if character in NAMES and character not in VISIBLE and character not in JOINS_SIGNS:
            yield at
            return


def _odd_in_command(text: str) -> Iterator[int]:
    """Yield the offsets of an invisible character, and of a typographic quote or dash that a shell would not know."""
    yield from _unseen(text)
    try:
        words = split(text)
    except NotSplit:
        return
    for word in words:
        for at, character in enumerate(word.bare):
            if character in QUOTES or (not at and character in VISIBLE and character != "\u2026"):
                found = text.find(character, word.start)
                if found >= 0:
                    yield found
                return
