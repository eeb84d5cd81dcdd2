"""Report the end of a run: on the terminal or stderr, by mail and in the syslog. Never raises or changes the run.

Lean module: the code for mails is imported only when one is to be made.
"""

import posix

from process_control.core import layout
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.notify.announce import announce, is_reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.facts import Facts
    from process_control.core.job import Job
    from process_control.notify.outbox import Outbox
    from process_control.run.notifier import Notifier
    from process_control.system.account import Account


class People:
    """Reports the runs of one job."""

    __slots__ = ("_job", "_outbox", "_settings", "_user", "mails", "notifier")

    def __init__(self, job: "Job", settings: "Settings", account: "Account", notifier: "Notifier") -> None:
        self._job = job
        self._settings = settings
        self._user = account.name
        self._outbox: Outbox | None = None
        #: Reports to the caller: on a terminal or on stderr.
        self.notifier = notifier
        #: Whether mails are sent about this job.
        self.mails = is_reported(job, settings)

    def announce(self, record: "dict[str, object]") -> None:
        """Log a record of the journal in the syslog."""
        announce(self._settings, record)

    def report(self, end: "dict[str, object]", facts: "Facts") -> None:
        """Report the end of the run to the caller."""
        try:
            self.notifier.report(end, facts, name=self._job.name)
        except Exception:  # noqa: BLE001  reporting a failure must not cause one
            pass

    # --- mail ------------------------------------------------------------------------------------------------------

    @property
    def outbox(self) -> "Outbox":
        if self._outbox is None:
            from process_control.notify.outbox import Outbox

            self._outbox = Outbox(self._settings, user=self._user)
        return self._outbox

    def are_mailed(self, outcome: str) -> bool:
        """Return whether a run with this outcome is mailed; a success is only when it ends an incident."""
        if not self.mails:
            return False
        if outcome not in (SUCCEEDED, WARNED):
            return True
        return posix.access(layout.incident_mark(self._settings.state_directory, self._job.slug), posix.F_OK)

    def ping_start(self, start: "dict[str, object]") -> None:
        """Queue the ping of a start, for a job that has one."""
        if self._job.ping_url:
            from process_control.notify.channels.ping.post import post_start

            post_start(self.outbox, start)

    def ping_end(self, end: "dict[str, object]") -> None:
        """Queue the ping of an end, for a job that has one; not that of another job with the same lock."""
        if self._job.ping_url and end.get("job") == self._job.slug:
            from process_control.notify.channels.ping.post import post_end

            post_end(self.outbox, end)

    def post_end(self, end: "dict[str, object]", facts: "Facts", *, record_fault: str | None = None) -> None:
        """Queue the end for the process that sends mails, when a mail is due."""
        self.ping_end(end)
        try:
            if self.are_mailed(str(end["outcome"])):
                from process_control.notify.event import post_end

                post_end(self.outbox, end, facts, secrets=self.notifier.secrets, record_fault=record_fault)
        except Exception:  # noqa: BLE001  reporting a failure must not cause one
            pass

    def deliver(self) -> None:
        """Start the process that sends mails, when something was queued now or earlier."""
        due = layout.spool_due(self._settings.state_directory)
        if (self.mails or self._job.ping_url) and (self._outbox is not None or posix.access(due, posix.F_OK)):
            self.outbox.start_delivery()
