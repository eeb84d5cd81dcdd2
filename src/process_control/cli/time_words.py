"""Times as people type them behind flags like --since. How they are written: `core/moments.py`."""

from datetime import UTC, datetime, timedelta

from process_control.config.kinds import seconds_of
from process_control.errors import UsageError

SINCE_HELP = "7d, 12h, 90s, or a date such as 2026-03-01 or 2026-03-01T02:30."


def moment_of_flag(flag: str, text: str, now: datetime) -> str:
    """Return the moment that a flag like --since means, as the history writes times. Raises UsageError (2)."""
    seconds = seconds_of(text)
    try:
        moment = now - timedelta(seconds=seconds) if seconds is not None else datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{flag} {text}: not a time", mend="90s, 10m, 2h, 7d ago, or a date such as 2026-03-01"
        ) from None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
