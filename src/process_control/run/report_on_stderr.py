"""Report a failed run on stderr: cron mails it, a person without a terminal reads it.

A successful run is reported only when something could not be recorded, in one line.

Lean module.
"""

import posix

from process_control.core.facts import FAILED, LOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts


_PATIENCE_MILLISECONDS = 500
_FAULTS = ("log_error", "record_fault", "health_fault")


class StandardError:
    """The Notifier for starts without a terminal: silent until a run has failed.

    `shows_stderr`: include the job's stderr, unless it was shown already (see `show_output.py`).
    """

    __slots__ = ("_shows_stderr", "is_live", "secrets")

    def __init__(self, *, shows_stderr: bool = True) -> None:
        self._shows_stderr = shows_stderr
        self.is_live = False
        self.secrets: list[str] = []

    def show(self, stream: bytes, data: bytes) -> None:
        """Do nothing: output is not shown while the job runs."""

    def flush(self) -> bool:
        """Return False: nothing is queued."""
        return False

    def say(self, text: str) -> None:
        """Do nothing."""

    def report(self, end: dict[str, object], facts: "Facts", *, name: str) -> None:  # noqa: ARG002  the slug is enough
        """Write the report of a failed run, or what could not be recorded of a successful one."""
        has_failed = end["outcome"] in (FAILED, LOST)
        if not has_failed and (facts.unlogged or not [fault for fault in _FAULTS if end.get(fault)]):
            return
        try:
            from process_control.run.failure_report import failure_report, faults_in_a_line

            if has_failed:
                excerpt = facts.stderr_excerpt if self._shows_stderr else b""
                text = failure_report(end, excerpt, self.secrets, is_terminal=posix.isatty(2))
            else:
                text = faults_in_a_line(end, is_terminal=posix.isatty(2))
        except Exception:  # noqa: BLE001  the package was replaced while the job ran
            text = _without_imports(end)
        write(text)


def _without_imports(end: dict[str, object]) -> str:
    """Return the run in a line: outcome, reason, what could not be recorded, run id and log file."""
    why = [str(end[key]) for key in ("reason", "detail", *_FAULTS) if end.get(key)]
    printable = "; ".join([text for text in why if text.isprintable()])
    return f"{end['job']}: {end['outcome']}: {printable} (run {end['run_id']}, log {end.get('log') or 'none'})\n"


def write(text: str) -> None:
    """Write to stderr; ignore a reader that is gone."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[posix.write(2, data) :]
    except OSError:
        pass


def write_if_taken(text: str) -> None:
    """Write a line to stderr, unless that blocks: a child writes it, and is killed when it does not end soon.

    poll(2) alone is not enough: a terminal that takes less than the line counts as writable, and blocks.
    """
    import _signal
    import select

    try:
        child = posix.fork()
        if child == 0:
            try:
                write(text)
            finally:
                posix._exit(0)
        handle = posix.pidfd_open(child)
    except OSError:
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    try:
        if not poll.poll(_PATIENCE_MILLISECONDS):
            _signal.pidfd_send_signal(handle, _signal.SIGKILL)
        if poll.poll(_PATIENCE_MILLISECONDS):  # not when it hangs on a disk
            posix.waitpid(child, 0)
    except OSError:
        pass
    finally:
        posix.close(handle)
