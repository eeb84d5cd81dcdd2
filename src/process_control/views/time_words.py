"""Times as people type them behind flags like --since. How they are written: `core/moments.py`."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from process_control.config.keys.number_kinds import seconds_of
from process_control.errors import UsageError

SINCE_HELP = "7d, 12h, 90s (ago); 08:00, today, yesterday; or a date: 2026-03-01, 2026-03-01T02:30."

_CLOCK_TIME = re.compile("[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")


class LocalZone(tzinfo):
    """The zone of whoever asks: TZ, else that of the host; as `datetime.astimezone()` has it, and all screens."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        there = moment.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=self, fold=0)
        return local if local.utcoffset() == there.utcoffset() else local.replace(fold=1)


def moment_of_flag(flag: str, text: str, now: datetime) -> str:
    """Return the moment that a flag like --since means, as the history writes times. Raises UsageError (2)."""
    seconds = seconds_of(text.removesuffix(" ago"))
    try:
        moment = now - timedelta(seconds=seconds) if seconds is not None else _moment_named(text, now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{flag} {text}: not a time",
            hint="90s, 10m, 2h or 7d (so long ago), 08:00, yesterday, or a date: 2026-03-01, 2026-03-01T02:30",
        ) from None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment_named(text: str, now: datetime) -> datetime:
    """Return the beginning of a day by its name, the last time that the clock showed 08:00, or what ISO 8601 says.

    All in local time. Raises ValueError, OverflowError.
    """
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}.get(text.strip().lower())
    if days is not None:
        return (midnight.replace(tzinfo=None) - timedelta(days=days)).astimezone()
    if not _CLOCK_TIME.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return _shown_at(moment) if moment.tzinfo is None else moment.astimezone()
    at = time.fromisoformat(text.zfill(5))
    moment = midnight.replace(tzinfo=None, hour=at.hour, minute=at.minute, second=at.second)
    return today if (today := _shown_at(moment)) <= now else _shown_at(moment - timedelta(days=1))


def _shown_at(moment: datetime) -> datetime:
    """Return when the local clock shows a time; of one that it skips, the moment right after, as schedules have it."""
    local = moment.replace(tzinfo=LocalZone())
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or second is None or first >= second:
        return moment.astimezone()
    from process_control.core.schedule.schedule import end_of_gap

    return end_of_gap(local, LocalZone()).astimezone()
