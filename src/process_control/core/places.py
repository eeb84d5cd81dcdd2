"""Places in a pool and on the host: what a start does that finds none, and that in words.

Lean module, pure. In which order waiting starts get places is decided in `start_queue.py`.
"""

from process_control.core.facts import JOB

#: So many of those that hold a place are named.
MAX_NAMED = 8
_PLACE, _IN_QUEUE = "; place ", " in the queue"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def waits_for_a_place(*, scheduled: bool, wait: bool, trigger: str) -> bool:
    """Return whether a start waits for a place: scheduled, with `--wait`, or by the command of a job.

    Whoever starts a job by hand can choose. A job whose command starts another cannot: it would fail whenever the pool
    is full.
    """
    return scheduled or wait or trigger == JOB


def beside_a_waiting_start(on_overlap: str) -> str:
    """Return what a scheduled start does when an earlier one of its job waits for a place: queue, skip or fail.

    With `replace` it is skipped: the earlier one has not begun, and will run no older data.
    """
    return "skip" if on_overlap == "replace" else on_overlap


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


def in_the_queue(what: str, position: int) -> str:
    """Return what a start waits for that the scheduler holds back."""
    return f"{what}{_PLACE}{position}{_IN_QUEUE}"


def is_in_the_queue(detail: str) -> bool:
    """Return whether the record of a waiting start is of one that the scheduler held back."""
    return _PLACE in detail and detail.endswith(_IN_QUEUE)


def waits_in_words(detail: str) -> str:
    """Return what a start waits for, by its record: `a place …`, `a random delay …`, or the run that holds its lock."""
    return f"waits for {detail}" if detail.startswith(("a ", "the lock ")) else f"waits: {detail}"
