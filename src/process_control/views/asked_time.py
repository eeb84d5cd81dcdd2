"""The time, or the day, about which somebody asks `why`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from process_control.views.time_words import moment_of_flag

_DAY = re.compile(r"today|yesterday|\d{4}-\d\d-\d\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The given time in UTC seconds; for a day its last second. `text` is what the user typed."""

    moment: float
    text: str
    is_day: bool = False

    @property
    def begins(self) -> float:
        """The time itself; for a day its first second."""
        if not self.is_day:
            return self.moment
        local = datetime.fromtimestamp(self.moment, UTC).astimezone().replace(tzinfo=None)
        return local.replace(hour=0, minute=0, second=0).astimezone().timestamp()


def asked_time(text: str, now: datetime) -> Asked:
    """Return the time, or the day, that a person typed. Raises UsageError (2)."""
    moment = datetime.fromisoformat(moment_of_flag("TIME", text, now))
    if not _DAY.fullmatch(text.strip()):
        return Asked(moment=moment.timestamp(), text=text)
    midnight = moment.astimezone().replace(tzinfo=None)
    return Asked(moment=(midnight + timedelta(days=1)).astimezone().timestamp() - 1, text=text, is_day=True)
