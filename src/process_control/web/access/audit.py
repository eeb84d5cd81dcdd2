"""What is kept of logins, sessions and tokens: records of the journal, and their lines in the syslog."""

import time

from process_control.actions.rights import Actor
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.system.clock import iso

EVENT = "web"
LOGIN, LINK_OPENED, LOGOUT, REFUSED = "login", "link_opened", "logout", "refused"
SESSION_ENDED, TOKEN_CREATED, TOKEN_REVOKED = "session_ended", "token_created", "token_revoked"


def record_access(
    actor: Actor,
    change: str,
    *,
    account: str | None = None,
    role: str | None = None,
    address: str | None = None,
    detail: str | None = None,
) -> None:
    """Record that somebody logged in or out, was refused, ended a session, made or revoked a token.

    `account`: whose session it is, or the name of the token. Raises CannotRecord (74).
    """
    record: dict[str, object] = {
        "event": EVENT,
        "at": iso(time.time()),
        "job": None,
        "change": change,
        "by": actor.by,
        "host": actor.host,
        "account": account,
        "role": role,
        "address": address,
        "detail": detail,
    }
    journal.append(actor.settings.state_directory, record)
    announce(actor.settings, record)
