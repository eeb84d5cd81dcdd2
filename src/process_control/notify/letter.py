"""What a message is about, in the word that journal and syslog have for it since the first version."""

from process_control.core.causes import Cause

_LETTERS = {
    Cause.FAILED: "failure",
    Cause.LOST: "failure",
    Cause.MISSED: "missed planned time",
    Cause.STALE: "missing success",
    Cause.SKIPPED: "refusal",
    Cause.REFUSED: "refusal",
    Cause.HOST_DOWN: "host that was down",
    Cause.TRIGGER_DEAD: "dead trigger",
    Cause.WATCH_DEAD: "dead watch",
    Cause.DISK_FULL: "full disk",
    Cause.MAIL_DEAD: "waiting messages",
    Cause.FILE_INVALID: "refusal",
}


def letter_of(cause: Cause, *, is_closed: bool) -> str:
    """Return `failure`, `recovery`, `refusal` …"""
    return "recovery" if is_closed else _LETTERS[cause]
