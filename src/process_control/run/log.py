"""Create the log of a run before its start, and close it at its end. `execution/capture.py` writes it.

Lean module.
"""

import posix

from process_control.core import layout
from process_control.errors import CannotRecord, ProcessControlError
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.facts import Facts
    from process_control.core.job import Job
    from process_control.execution.capture import Capture
    from process_control.run.notifier import Notifier


class RunLog:
    """The log of one run of a job."""

    __slots__ = ("_job", "_settings", "_uid", "capture")

    def __init__(self, job: "Job", settings: "Settings", *, uid: int) -> None:
        self._job = job
        self._settings = settings
        self._uid = uid
        #: Records the output of the commands; set by `open`, even without a log.
        self.capture: Capture

    def open(self, run_id: str, started_at: float, *, notifier: "Notifier") -> str:
        """Create the log and return its path. Raises CannotRecord (74)."""
        from process_control.execution.capture import Capture

        job = self._job
        self.capture = Capture(cap_bytes=job.log_bytes, show=notifier.show if notifier.is_live else None)
        path = layout.log(self._settings.output_directory, job.slug, _compact(started_at), run_id)
        _make_directory(layout.logs(self._settings.output_directory, job.slug))
        self.capture.open_log(path, cap_bytes=job.log_bytes)
        if job.stdout:
            from process_control.run.stdout_file import open_copy

            header = f"=== {job.slug} {run_id} {iso(started_at)} ===\n"
            try:
                self.capture.copy = open_copy(job.stdout, self._settings, header.encode("utf-8"), uid=self._uid)
            except ProcessControlError:
                forget(path)
                raise
        return path

    def close(self, facts: "Facts") -> None:
        """Close the log, and record in `facts` what is missing in it."""
        capture = self.capture
        capture.close()
        facts.output_cut = facts.log_error = capture.cut()
        facts.log_error = facts.log_error or capture.other_error
        facts.log_dropped_bytes = capture.dropped_bytes


def forget(path: str) -> None:
    """Remove the log of a run that did not start."""
    for name in (path, path + ".idx"):
        try:
            posix.unlink(name)
        except OSError:
            pass


def _make_directory(path: str) -> None:
    try:
        posix.mkdir(path, 0o750)
    except FileExistsError:
        pass
    except OSError as error:
        raise CannotRecord(f"cannot make the directory for logs: {error.strerror}", where=path) from error


def _compact(moment: float) -> str:
    """Return UTC seconds as 20261123-225500, for file names."""
    import time

    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment))
