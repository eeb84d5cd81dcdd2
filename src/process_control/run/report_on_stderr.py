"""Tells a failed run on stderr: what cron mails, and what a person reads who has no terminal.

Of a run that has not failed it tells in one line what could not be written.

Lean module.
"""

import posix

from process_control.core.facts import FAILED, LOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts


_PATIENCE_MILLISECONDS = 500


class StandardError:
    """The Notifier of whoever started us without a terminal: silent until a run has failed.

    `shows_stderr`: whether the report has the job's stderr, see `show_output.py` for when it was shown already.
    """

    __slots__ = ("_shows_stderr", "is_live", "secrets")

    def __init__(self, *, shows_stderr: bool = True) -> None:
        self._shows_stderr = shows_stderr
        self.is_live = False
        self.secrets: list[str] = []

    def show(self, stream: bytes, data: bytes) -> None:
        """Nothing is shown as it comes."""

    def flush(self) -> bool:
        """Nothing waits."""
        return False

    def say(self, text: str) -> None:
        """Nothing is said."""

    def tell(self, end: dict[str, object], facts: "Facts", *, name: str) -> None:  # noqa: ARG002  the slug is enough
        """Write the report of a run that failed; of one that went well, what could not be written of it."""
        if end["outcome"] in (FAILED, LOST):
            from process_control.run.failure_report import failure_report

            excerpt = facts.stderr_excerpt if self._shows_stderr else b""
            write(failure_report(end, excerpt, self.secrets, is_terminal=posix.isatty(2)))
        elif (end.get("log_error") or end.get("record_fault") or end.get("health_fault")) and not facts.unlogged:
            from process_control.run.failure_report import faults_in_a_line

            write(faults_in_a_line(end, is_terminal=posix.isatty(2)))


def write(text: str) -> None:
    """Write to stderr, whoever reads it; one who is gone is no fault."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[posix.write(2, data) :]
    except OSError:
        pass


def write_if_taken(text: str) -> None:
    """Write a line to stderr, unless its reader takes nothing: then nobody waits for that."""
    import select

    poll = select.poll()
    poll.register(2, select.POLLOUT)
    if any(event & select.POLLOUT for _, event in poll.poll(_PATIENCE_MILLISECONDS)):
        write(text)
