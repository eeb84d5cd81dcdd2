"""The interface by which a run shows output and reports its end to its caller.

Lean module, imported by the type checker only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from process_control.core.facts import Facts

    class Notifier(Protocol):
        """Shows output while the job runs, and reports the recorded end. Never raises."""

        is_live: bool
        secrets: list[str]

        def show(self, stream: bytes, data: bytes) -> None: ...
        def flush(self) -> bool: ...
        def say(self, text: str) -> None: ...
        def report(self, end: dict[str, object], facts: Facts, *, name: str) -> None: ...
