"""The causes of incidents. Pure. (Causes of skipped and missed slots are in `core/schedule/causes.py`.)"""

from enum import StrEnum


class Cause(StrEnum):
    """What is wrong, with one job or with the host. The values are those of `on`, of JSON and of metrics."""

    FAILED = "failed"
    LOST = "lost"
    MISSED = "missed"
    STALE = "stale"
    SKIPPED = "skipped"
    REFUSED = "refused"
    HOST_DOWN = "host_down"
    TRIGGER_DEAD = "trigger_dead"
    WATCH_DEAD = "watch_dead"
    DISK_FULL = "disk_full"
    MAIL_DEAD = "mail_dead"
    FILE_INVALID = "file_invalid"

    @property
    def is_host_wide(self) -> bool:
        return self in HOST_WIDE


HOST_WIDE = frozenset(
    {Cause.HOST_DOWN, Cause.TRIGGER_DEAD, Cause.WATCH_DEAD, Cause.DISK_FULL, Cause.MAIL_DEAD, Cause.FILE_INVALID}
)
#: Troubles of runs: a threshold counts them. What is no failed run is reported at once.
OF_RUNS = frozenset({Cause.FAILED, Cause.LOST})
#: Troubles that only planned times made: they are over too when the last of those is settled.
OF_SLOTS = frozenset({Cause.MISSED, Cause.SKIPPED})
