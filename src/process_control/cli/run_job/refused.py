"""A start that was refused before there was a run: recorded, and told to people, as far as the host lets us.

Lean module, loaded only then.
"""

import posix

from process_control.errors import NotPermitted, NotStarted, OwnFault, ProcessControlError

_USED_UP = (11, 12, 23, 24)
"""EAGAIN, ENOMEM, ENFILE, EMFILE."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.cli.run_job.options import Options
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.run.caller import Surroundings
    from process_control.run.run import Request
    from process_control.system.account import Account


def as_told(error: Exception, *, debug: bool) -> ProcessControlError:
    """Return what people are told of an error that nobody foresaw: most are a fault of ours."""
    if isinstance(error, OSError) and error.errno in _USED_UP:
        what = f"the host has no process, descriptor or memory left for it: {error.strerror}"
        return NotStarted(what, where="run-job", mend="ulimit -a shows the limits; systemd has TasksMax= for a unit")
    if isinstance(error, PermissionError):
        return NotPermitted(error.strerror or str(error), where=str(error.filename or "run-job"))
    if debug:
        import traceback

        from process_control.run.report_on_stderr import write

        write(traceback.format_exc())
    what = f"fault in process-control itself: {type(error).__name__}: {error}"
    return OwnFault(what, where="run-job", mend="--debug shows where")


def record_refusal(
    error: ProcessControlError,
    request: "Request",
    slug: str | None,
    job: "Job | None",
    settings: "Settings",
    account: "Account",
    host: str,
) -> None:
    """Leave word of a scheduled start that was refused. Called as the service user; never raises."""
    _record(error, request.trigger, request.by, slug, job, settings, account, host, mails=True)


def record_unforeseen(
    error: ProcessControlError, options: "Options", *, surroundings: "Callable[[], Surroundings]"
) -> None:
    """Leave word of a start that came to nothing in this very process, which ends next: it may be the guard's.

    By hand somebody sees what we say, so only a fault of ours is recorded. Raises what stands in the way.
    """
    scheduled, slug = options.scheduled, options.job
    if slug is None or options.verb != "run" or options.dry_run:
        return
    if scheduled is None and not isinstance(error, OwnFault):
        return
    from process_control.cli.run_job.main import who
    from process_control.core.facts import MANUAL
    from process_control.system.account import drop_rights

    settings, account, _ = surroundings()
    by = who(posix.environ, known=account)
    posix.umask(0o022)
    drop_rights(account)
    host = posix.uname().nodename
    _record(error, scheduled or MANUAL, by, slug, None, settings, account, host, mails=scheduled is not None)


def _record(
    error: ProcessControlError,
    trigger: str,
    by: str,
    slug: str | None,
    job: "Job | None",
    settings: "Settings",
    account: "Account",
    host: str,
    *,
    mails: bool,
) -> None:
    from process_control.cli.run_job.main import own_directories, refuse_network_state
    from process_control.notify.announce import mails_about
    from process_control.notify.enqueue import Postman
    from process_control.notify.event import post_refusal
    from process_control.system import directories

    try:
        refuse_network_state(settings)
        directories.ensure(own_directories(settings))
    except ProcessControlError:  # there is no place to leave word
        return
    asked: dict[str, object] = {"job": slug, "trigger": trigger, "by": by, "host": host}
    post_refusal(Postman(settings, user=account.name), error, asked, mails=mails and mails_about(job, settings))
