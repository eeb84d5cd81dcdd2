"""Processes in words, for record and mail: asked of a child, since a command line can only be read past a lock.

Lean module, loaded only then.
"""

import select
import time

from process_control.system import proc
from process_control.system.ask import NoAnswer, ask

ANSWER_SECONDS = 2.0
_AGAIN_MILLISECONDS = 20


def describe(pids: list[int], secrets: "list[str] | None") -> list[str]:
    """Return `pid 123 (sleep 100)` for each, see `proc.describe`; its program's name alone when it does not answer."""
    if not pids:
        return []
    until = time.monotonic() + ANSWER_SECONDS
    while (left := until - time.monotonic()) > 0:
        try:
            return list(ask(lambda: [proc.describe(pid, secrets) for pid in pids], seconds=left))
        except (NoAnswer, OSError):  # the child may have been killed: the guard ends all that is below us
            _pause()
    return [proc.describe(pid, None) for pid in pids]


def _pause() -> None:
    select.poll().poll(_AGAIN_MILLISECONDS)
