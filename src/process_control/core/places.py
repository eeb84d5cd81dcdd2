"""Places in a pool and on the host, in words.

Lean module, pure.
"""

#: So many of those that hold a place are named.
MAX_NAMED = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def what_is_full(pool: "str | None") -> str:
    """Return `pool db`, or for None `this host (max_concurrent)`."""
    return f"pool {pool}" if pool is not None else "this host (max_concurrent)"


def place_in_words(pool: "str | None") -> str:
    return f"a place {'in' if pool is not None else 'on'} {what_is_full(pool)}"


def taken_in_words(places: int, holders: "Sequence[str]") -> str:
    """Return `4 of 4 taken by a, b, c, d`; `holders` may be fewer, as some are not known."""
    named = ", ".join(holders[:MAX_NAMED])
    more = f" and {len(holders) - MAX_NAMED} more" if len(holders) > MAX_NAMED else ""
    by = f" by {named}{more}" if named else ""
    return f"{places} of {places} taken{by}"
