"""What a run says to whoever waits for it: to a terminal as it runs, or to stderr when it has failed.

Lean module, imported by the type checker only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from process_control.core.facts import Facts

    class Notifier(Protocol):
        """Shows output as it comes, and reports a run that has been recorded. Never raises."""

        is_live: bool
        secrets: list[str]

        def show(self, stream: bytes, data: bytes) -> None: ...
        def flush(self) -> bool: ...
        def say(self, text: str) -> None: ...
        def tell(self, end: dict[str, object], facts: Facts, *, name: str) -> None: ...
