"""Sends the syslog line of an event; and says whether anybody is notified about a job.

Lean module: what makes the line is imported when there is a syslog.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job

_ALWAYS_ANSWER = ("/dev/", "/run/", "/var/run/")  # in memory on every Linux: no disk is waited for there
_SYSLOG_SECONDS = 1.0


def announce(settings: "Settings", record: "dict[str, object]") -> None:
    """Send the line of an event that the journal has to the syslog. Never raises, and waits for no syslog."""
    address = settings.syslog_address
    try:
        if not address.startswith("/") or address.startswith(_ALWAYS_ANSWER):
            _send_to_syslog(settings, record, posix.getpid())
        elif not settings.syslog_hangs:
            _ask_to_send_to_syslog(settings, record)
    except Exception:  # noqa: BLE001  announcing must not cause a failure, not even with half a package
        pass


def _ask_to_send_to_syslog(settings: "Settings", record: "dict[str, object]") -> None:
    """Send it by a child with a deadline: the socket's disk may hang. After one timeout no more lines are tried."""
    from process_control.system.ask import NoAnswer, ask

    pid = posix.getpid()
    try:
        ask(lambda: _send_to_syslog(settings, record, pid), seconds=_SYSLOG_SECONDS)
    except NoAnswer:
        settings.syslog_hangs = True


def _send_to_syslog(settings: "Settings", record: "dict[str, object]", pid: int) -> None:
    address = settings.syslog_address
    if address.startswith("/") and not posix.access(address, posix.W_OK):
        return
    from process_control.notify.syslog_line import invocation, severity
    from process_control.system import syslog

    syslog.send(address, settings.syslog_facility, severity(record), invocation(record), pid=pid)


def may_have_syslog(settings: "Settings") -> bool:
    """Return False where no syslog is; True also where only a disk that may hang could answer that."""
    address = settings.syslog_address
    return not address.startswith(_ALWAYS_ANSWER) or posix.access(address, posix.W_OK)


def is_reported(job: "Job | None", settings: "Settings") -> bool:
    """Return whether somebody may have to be notified about this job (None: its file cannot be read)."""
    if job is None:
        return bool(settings.failmail_to or settings.notify)
    if (job.notify or settings.notify) and not job.notify_off:
        return True
    return bool(job.failmail_to or job.owner_mail or settings.failmail_to) and not job.failmail_off
