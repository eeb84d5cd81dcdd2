"""The word that was probably meant, by its spelling; never one that means the opposite. Pure."""

from collections.abc import Iterable

NEGATIONS = ("no", "not", "non", "un", "dis", "never", "without", "ignore", "skip", "dont", "anti")
CUTOFF = 0.7


def nearest(written: str, words: Iterable[str]) -> str | None:
    """Return the word that is spelled most like `written`; None when none is near, or the nearest is its opposite."""
    import difflib  # not for a file without a misspelled word

    by_spelling = {_spelling(word): word for word in words}
    near = difflib.get_close_matches(_spelling(written), by_spelling, n=1, cutoff=CUTOFF)
    return None if not near or _is_opposite(_spelling(written), near[0]) else by_spelling[near[0]]


def _spelling(word: str) -> str:
    return word.lower().strip("-").replace("-", "_")


def _is_opposite(first: str, second: str) -> bool:
    """Return whether one of the two is negated and the other is not: `no_new_privileges`, `new_privileges`."""
    first, second = _squeezed(first), _squeezed(second)
    return first != second and _is_negated(first, second) != _is_negated(second, first)


def _is_negated(word: str, other: str) -> bool:
    """Return whether `word` is a negation followed by `other`, or nearly so."""
    import difflib

    for negation in NEGATIONS:
        rest = word.removeprefix(negation)
        if (
            rest != word
            and rest
            and difflib.SequenceMatcher(a=rest, b=other).ratio() > difflib.SequenceMatcher(a=word, b=other).ratio()
        ):
            return True
    return False


def _squeezed(word: str) -> str:
    return word.replace("_", "").replace("-", "")
