"""Where the next part of a list of a page begins, as a word in an address."""

import base64
import binascii

from process_control.errors import UsageError


def cursor_of(place: tuple[str, str]) -> str:
    """Return the word for a time (ISO 8601) and what distinguishes things of one time."""
    return base64.urlsafe_b64encode(" ".join(place).encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[str, str]:
    """Return what is behind the word. Raises UsageError (2)."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise UsageError("cursor: not one of ours", hint="follow the link below the list") from error
    at, blank, which = text.partition(" ")
    if not blank:
        raise UsageError("cursor: not one of ours", hint="follow the link below the list")
    return at, which
