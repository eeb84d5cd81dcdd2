"""Describe processes for record and mail. A child process reads the command lines: the read may block on a lock.

Lean module, loaded only then.
"""

import select
import time

from process_control.system import proc
from process_control.system.ask import NoAnswer, ask

ANSWER_SECONDS = 2.0
_AGAIN_MILLISECONDS = 20


def describe(pids: list[int], secrets: "list[str] | None") -> list[str]:
    """Return `pid 123 (sleep 100)` for each, see `proc.describe`; without its arguments when they cannot be read."""
    if not pids:
        return []
    until = time.monotonic() + ANSWER_SECONDS
    while (left := until - time.monotonic()) > 0:
        try:
            return list(ask(lambda: [proc.describe(pid, secrets) for pid in pids], seconds=left))
        except (NoAnswer, OSError):  # the guard may have killed the child with all that is below us
            _pause()
    return [proc.describe(pid, None) for pid in pids]


def _pause() -> None:
    select.poll().poll(_AGAIN_MILLISECONDS)
