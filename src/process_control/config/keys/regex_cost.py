"""Counts the characters whose case a regex ignores in ranges, which bounds the time to compile it.

`re` visits each character of a range whose case is ignored: a hundred rules with thirty ranges of all characters took
ten seconds to load.

This uses the private parser of `re`: there is no public one, and a scanner of our own would have to know the whole
grammar (nested groups, flags, escapes, verbose mode). `tests/config/test_folded.py` fails under a Python that parses
otherwise.
"""

import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]  # no stub; a test checks that it still parses alike
from typing import Any

MAX_FOLDED = 2000


def folded_characters(regex: str) -> int:
    """Return the number of characters in ranges whose case is ignored. Raises as `re.compile` does."""
    tree = _parser.parse(regex)
    return _folded(tree, tree.state.flags)


def _folded(tree: Any, flags: int) -> int:
    count = 0
    for operation, argument in tree:
        inside = flags
        if operation is _parser.IN and flags & re.IGNORECASE:
            count += sum(high - low + 1 for low, high in _ranges(argument))
        elif operation is _parser.SUBPATTERN:
            _, added, removed, _ = argument
            inside = (flags | added) & ~removed
        count += sum(_folded(part, inside) for part in _parts(argument))
    return count


def _ranges(members: Any) -> Iterator[tuple[int, int]]:
    return (value for kind, value in members if kind is _parser.RANGE)


def _parts(argument: Any) -> Iterator[Any]:
    """Yield the sub-patterns of an operation: the content of a group or repetition, each alternative."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for each in argument:
            yield from _parts(each)
