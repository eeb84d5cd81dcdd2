"""Asks a child what could keep all others waiting: a regex may take for ever, and nothing else runs."""

import threading
from collections.abc import Callable
from typing import Any

from process_control.errors import NotStarted, UsageError
from process_control.system.ask import NoAnswer, ask

MAX_CHILDREN = 4
_places = threading.BoundedSemaphore(MAX_CHILDREN)


def ask_in_child(question: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Return `question()`, asked in a child that has so many seconds; the answer has to be plain JSON values.

    Raises what the question does; UsageError (2) when it takes too long, NotStarted (75) when too many are asked.
    """
    if not _places.acquire(timeout=seconds):
        raise NotStarted(f"{what}: too many at the same time", hint="try again in a moment")
    try:
        return ask(question, seconds=seconds)
    except NoAnswer:
        raise UsageError(f"{what}: takes too long", hint="a simpler regex") from None
    finally:
        _places.release()
