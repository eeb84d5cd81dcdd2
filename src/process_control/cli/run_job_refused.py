"""A start that was refused before there was a run: recorded, and told to people, as far as the host lets us.

Lean room, loaded only then.
"""

import posix

from process_control.errors import OwnFault, ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.current_run import Request
    from process_control.system.account import Account
    from process_control.wiring import Caller

    Surroundings = tuple[Settings, Account, Callable[[], Caller]]


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
    error: ProcessControlError,
    slug: str | None,
    *,
    scheduled: str | None,
    surroundings: "Callable[[], Surroundings]",
) -> None:
    """Leave word of a start that came to nothing in this very process, which ends next: it may be the guard's.

    By hand somebody sees what we say, so only a fault of ours is recorded. `scheduled` is the trigger, None by hand.
    Raises what stands in the way.
    """
    if scheduled is None and not isinstance(error, OwnFault):
        return
    from process_control.cli.run_job import who
    from process_control.core.run import MANUAL
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
    from process_control.cli.run_job import own_directories, refuse_network_state
    from process_control.news import post_refusal
    from process_control.system import directories
    from process_control.wiring import mails_about, postman_for

    try:
        refuse_network_state(settings)
        directories.ensure(own_directories(settings))
    except ProcessControlError:  # there is no place to leave word
        return
    asked: dict[str, object] = {"job": slug, "trigger": trigger, "by": by, "host": host}
    post_refusal(postman_for(settings, account), error, asked, mails=mails and mails_about(job, settings))
