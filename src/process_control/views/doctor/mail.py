"""Checks that mail can leave this host, without sending any, and that none has waited for long."""

from collections.abc import Iterable

from process_control.config.failmail import Failmail, way_of_mail
from process_control.config.recipients import recipients_of
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.recipient import MAIL
from process_control.notify import spool
from process_control.notify.channels.mail.send import Undelivered, Way, greet, is_program
from process_control.notify.channels.mail.way import way_of
from process_control.views.delivery import stuck_messages
from process_control.views.doctor.finding import BAD, WARN, Finding, fine, found_or_fine, not_checked
from process_control.views.doctor.look import Look

CHECK, SPOOL = "mail", "spool"


def check(look: Look) -> list[Finding]:
    """Return which mail programs are missing, and which servers do not answer to EHLO."""
    if not look.is_service_user:
        return not_checked(CHECK, f"only {look.account.name} can look", remedy="sudo process-control doctor")
    ways = _ways(look.valid_jobs, look.settings)
    if not ways:
        return fine(CHECK, "nobody is mailed: failmail is not configured")
    found = [finding for name, failmail in ways.items() if (finding := _unreachable(name, failmail)) is not None]
    return found_or_fine(found, CHECK, "mail can be handed over")


def check_spool(look: Look) -> list[Finding]:
    """Return that messages have waited for more than 15 minutes."""
    stuck = stuck_messages(look.settings.state_directory, look.now)
    if stuck is not None:
        what, _, reason = stuck.what.partition("; ")
        state = BAD if stuck.is_dead else WARN
        return [Finding(check=SPOOL, state=state, what=what, remedy=reason.partition(": ")[2])]
    count = len(spool.all_names(look.settings.state_directory))
    return fine(SPOOL, f"{count} messages wait, none for long" if count else "no message waits")


def _ways(jobs: Iterable[Job], settings: Settings) -> dict[str | None, Failmail]:
    """Return each way in which mail is sent, once, with a job that uses it; None is the configuration's."""
    found: dict[str | None, Failmail] = {}
    known: set[tuple[object, ...]] = set()
    for job in (None, *jobs):
        if all(recipient.scheme != MAIL for recipient in recipients_of(job, settings)):
            continue
        failmail = way_of_mail(job, settings)
        key = (failmail.sendmail, failmail.smtp, failmail.tls, failmail.ca_file, failmail.password_file)
        if key not in known:
            known.add(key)
            found[None if job is None else job.slug] = failmail
    return found


def _unreachable(slug: str | None, failmail: Failmail) -> Finding | None:
    remedy = f"process-control notify test {slug or ''}".rstrip()
    try:
        why = trouble_of(way_of(failmail))
    except Undelivered as error:
        why = error.why
    if why is None:
        return None
    return Finding(check=CHECK, state=BAD, what=f"{f'{slug}: ' if slug else ''}{why}", remedy=remedy)


def trouble_of(way: Way) -> str | None:
    """Return why mail cannot be handed over; None when it can, as far as EHLO shows."""
    if way.sendmail:
        return None if is_program(way.sendmail) else f"{way.sendmail}: there is no such program"
    return greet(way)
