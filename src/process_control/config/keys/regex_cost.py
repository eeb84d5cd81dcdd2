"""How many characters a regex has to fold the case of when it is compiled: of what that costs a job file has no end.

`re` goes through each character of a range whose case is ignored. A hundred rules with thirty such ranges of all
characters there are took ten seconds to load.

It asks the parser of `re`, which is private: there is no public one, and a scanner of our own would have to know the
whole grammar (nested groups, flags, escapes, verbose mode) to count the same. `tests/config/test_folded.py` says what
it has to count, and fails under a Python that parses otherwise.
"""

import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]  # of no stub; a test shows that it still tells what it told
from typing import Any

MAX_FOLDED = 2000


def folded_characters(regex: str) -> int:
    """Return how many characters there are in ranges whose case is ignored. Raises what `re.compile` raises."""
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
    """Yield the parts of a regex that an operation has: a group's content, what is repeated, each alternative."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for each in argument:
            yield from _parts(each)
