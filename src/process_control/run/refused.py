"""Record and report a start that was refused before there was a run, as far as the host permits.

Lean module, loaded only then.
"""

import posix

from process_control.errors import NotPermitted, NotStarted, OwnFault, ProcessControlError

#: Errors of a host without free resources: EAGAIN, ENOMEM, ENFILE, EMFILE.
_USED_UP = (11, 12, 23, 24)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.system.account import Account


def as_shown(error: Exception, *, debug: bool) -> ProcessControlError:
    """Return the error to show for an unexpected exception: in most cases a fault in this program."""
    if isinstance(error, OSError) and error.errno in _USED_UP:
        what = f"the host has no process, descriptor or memory left for it: {error.strerror}"
        return NotStarted(what, where="run-job", hint="ulimit -a shows the limits; systemd has TasksMax= for a unit")
    if isinstance(error, PermissionError):
        return NotPermitted(error.strerror or str(error), where=str(error.filename or "run-job"))
    if debug:
        import traceback

        from process_control.run.report_on_stderr import write

        write(traceback.format_exc())
    what = f"fault in process-control itself: {type(error).__name__}: {error}"
    return OwnFault(what, where="run-job", hint="--debug prints a traceback")


def record_refusal(
    error: ProcessControlError,
    slug: str | None,
    settings: "Settings",
    account: "Account",
    *,
    trigger: str,
    by: str,
    mails: bool,
    job: "Job | None" = None,
) -> None:
    """Record a refused start, log it and queue its mail. Call as the service user, with its directories made.

    Never raises.
    """
    from process_control.notify.announce import is_reported
    from process_control.notify.event import post_refusal
    from process_control.notify.outbox import Outbox

    asked: dict[str, object] = {"job": slug, "trigger": trigger, "by": by, "host": posix.uname().nodename}
    post_refusal(Outbox(settings, user=account.name), error, asked, mails=mails and is_reported(job, settings))
