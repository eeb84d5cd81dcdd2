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
        """Write the report: the headline, a line to paste, notes, then the job's own stderr (at most 64 KiB of it)."""
        if end["outcome"] not in (FAILED, LOST):
            if not facts.unlogged:  # the job said that it runs all the same
                self._tell_faults(end)
            return
        from process_control.core.masking import mask_excerpt
        from process_control.notify.message import advice, decision, escape_controls, headline, last_states, notes

        lines = [headline(end)]
        by = decision(end)
        if by:
            lines.append(f"  decided by {by}")
        hint = advice(end)
        if hint:
            lines.append(f"  hint: {hint}")
        lines += [f"  {note}" for note in notes(end)]
        excerpt = ""
        if self._shows_stderr:
            excerpt = mask_excerpt(facts.stderr_excerpt.decode("utf-8", "surrogateescape"), self.secrets)
        report = "\n".join(lines) + "\n" + last_states(excerpt)
        write(escape_controls(report) if posix.isatty(2) else report)

    def _tell_faults(self, end: dict[str, object]) -> None:
        """Write what could not be written of a run that went well, on one line; mostly nothing."""
        if not (end.get("log_error") or end.get("record_fault") or end.get("health_fault")):
            return
        from process_control.notify.message import escape_controls, faults_of, headline

        line = headline(end)
        more = [fault for fault in faults_of(end) if fault not in line]
        line = "; ".join([line, *more])
        write((escape_controls(line) if posix.isatty(2) else line) + "\n")


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
