"""Processes in words, for record and mail: asked of a child, since a command line can only be read past a lock.

Lean room, loaded only then.
"""

from process_control.system import proc
from process_control.system.ask import NoAnswer, ask

ANSWER_SECONDS = 2.0


def describe(pids: list[int], secrets: "list[str] | None") -> list[str]:
    """Return `pid 123 (sleep 100)` for each, see `proc.describe`; its program's name alone when it does not answer."""
    if not pids:
        return []
    try:
        return list(ask(lambda: [proc.describe(pid, secrets) for pid in pids], seconds=ANSWER_SECONDS))
    except (NoAnswer, OSError):
        return [proc.describe(pid, None) for pid in pids]
