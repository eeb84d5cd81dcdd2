"""Checks that the channels of `notify` can be used, without a message: hosts, programs, files with URLs and keys."""

import shlex
from importlib.util import find_spec

from process_control.config.recipients import everybody, recipients_of
from process_control.core.recipient import MAIL, Recipient
from process_control.notify.channels.address import Unusable, secret_in, url_of
from process_control.notify.channels.exec.program import check_program
from process_control.notify.channels.http_request import check_host
from process_control.views.doctor.finding import BAD, Finding, fine, found_or_fine, not_checked
from process_control.views.doctor.look import Look

CHECK = "channels"
ALERTMANAGER = "alertmanager+"


def check(look: Look) -> list[Finding]:
    """Return which channels beside mail cannot be used."""
    if not look.is_service_user:
        return not_checked(CHECK, f"only {look.account.name} can look", remedy="sudo process-control doctor")
    known = _recipients(look)
    if not known:
        return fine(CHECK, "none beside mail is configured")
    found = []
    for recipient, slug in known:
        try:
            _check_one(recipient)
        except Unusable as error:
            what = f"{slug}: {error.why}" if slug else error.why
            remedy = f"process-control notify test {slug}".rstrip()
            found.append(Finding(check=CHECK, state=BAD, what=what, remedy=remedy))
    return found_or_fine(found, CHECK, "each can be reached" if len(known) > 1 else "it can be reached")


def _recipients(look: Look) -> list[tuple[Recipient, str]]:
    """Return each recipient beside mail once, with a job that has it; "" for those of the configuration."""
    found = {each.key: (each, "") for each in everybody(look.settings)}
    for job in look.valid_jobs:
        for each in recipients_of(job, look.settings):
            found.setdefault(each.key, (each, job.slug))
    return [(each, slug) for each, slug in found.values() if each.scheme != MAIL]


def _check_one(recipient: Recipient) -> None:
    """Raise Unusable when a message could not be handed over now. Each look has a deadline of a few seconds."""
    url = url_of(recipient)
    scheme = url.partition(":")[0].lower()
    if recipient.key_file is not None:
        secret_in(recipient.key_file, what="key file")
    if scheme == "exec":
        check_program(_program_of(url))
    elif scheme in ("http", "https"):
        check_host(url)
    elif scheme.startswith(ALERTMANAGER):
        try:
            check_host(url[len(ALERTMANAGER) :])
        except Unusable as error:
            raise Unusable(f"{ALERTMANAGER}{error.why}") from None
    elif find_spec("apprise") is None:
        raise Unusable(f"{scheme}://… needs the library apprise, which is not installed: pip install 'apprise>=2.2'")


def _program_of(url: str) -> str:
    try:
        return (shlex.split(url.partition(":")[2]) or [""])[0]
    except ValueError:
        return ""
