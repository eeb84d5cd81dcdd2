"""What a step of a run answers: `Go`, and the next one follows, or `Stop`, and the start ends here.

Lean module.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.errors import ProcessControlError


class Go:
    """The next step follows."""

    __slots__ = ()


class Stop:
    """There is no run: whatever has to be recorded of it is recorded."""

    __slots__ = ("error", "exit_code")

    def __init__(self, exit_code: int = 0, *, error: "ProcessControlError | None" = None) -> None:
        #: Of `run-job`, unless there is an error, which has its own.
        self.exit_code = exit_code
        #: What the caller is shown of it; None where the record says enough.
        self.error = error


GO = Go()
