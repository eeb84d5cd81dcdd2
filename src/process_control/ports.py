"""The four ports of the corridor: what `run_job` needs of the world, and nothing else.

Lean room: `typing` is imported by the type checker only. Adapters are chosen in `wiring.py`; fakes for tests are in
`tests/fakes.py`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from process_control.core.run import Facts

    HealthRecord = dict[str, object] | None
    HealthChange = Callable[[HealthRecord], HealthRecord]
    HealthTold = Callable[[HealthRecord, dict[str, object]], list[dict[str, object]]]

    class Clock(Protocol):
        """UTC seconds, and seconds that no clock change moves."""

        def now(self) -> float: ...
        def monotonic(self) -> float: ...

    class Store(Protocol):
        """What is remembered of one job: its block, its health, and the journal's lines. See history/record.py."""

        slug: str
        is_new: bool

        @property
        def is_open(self) -> bool: ...
        def previous_run(self) -> dict[str, object] | None: ...
        def claim_slot(self, slot: int, *, boot_id: str) -> bool: ...
        def give_slot_back(self, slot: int) -> None: ...
        def write_start(self, run: dict[str, object]) -> None: ...
        def take_start_back(self) -> None: ...
        def write_run(self, run: dict[str, object]) -> None: ...
        def append(self, record: dict[str, object]) -> None: ...
        def record_end(
            self,
            block: dict[str, object],
            end: dict[str, object],
            *,
            left: list[list[int | None]],
            post: Callable[[str | None], None] | None = None,
        ) -> str | None: ...
        def end_in_journal(self, run_id: str, *, since: str) -> dict[str, object] | None: ...
        def read_health(self) -> dict[str, object] | None: ...
        def health_is_as_read(self) -> bool: ...
        def change_health(
            self, change: HealthChange, *, told: HealthTold | None = None, restore: HealthChange | None = None
        ) -> list[dict[str, object]]: ...

    class Executor(Protocol):
        """Runs the commands of one attempt to the end of their process tree. See system/supervisor.py."""

        def execute(self, commands: list[list[str]], *, goes_on: Callable[[Facts], bool]) -> Facts: ...

    class Notifier(Protocol):
        """Tells people: of output as it comes (a terminal), and of a run that has been recorded. Never raises."""

        is_live: bool
        secrets: list[str]

        def show(self, stream: bytes, data: bytes) -> None: ...
        def flush(self) -> bool: ...
        def say(self, text: str) -> None: ...
        def tell(self, end: dict[str, object], facts: Facts, *, name: str) -> None: ...
