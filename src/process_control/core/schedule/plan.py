"""What one version of a job plans: the values that decide at which times it is to run. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple, Self

from process_control.core.digest import sha256
from process_control.core.schedule.between import slots_between
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.excluded import span_with
from process_control.core.schedule.schedule import Schedule, host_zone, zone_named

HASH_DIGITS = 12


class Plan(NamedTuple):
    """The planning values of a job, the defaults of the configuration applied."""

    #: five fields each, shorthands expanded, `H` replaced by its number; empty: no schedule
    schedule: tuple[str, ...]
    #: the IANA name of the zone that counts; None: that of the host, which has no name
    time_zone: str | None
    disabled: bool = False
    #: days and ranges of days on which planned times are skipped: 2026-12-24, 2026-12-24..2027-01-02; those of
    #: calendars with their reason behind, for the window of days in which they were read
    exclude: tuple[str, ...] = ()
    #: of what `exclude` was made when calendars were read for it: entries, hashes, libraries; not in records
    exclude_made_of: tuple[str, ...] = ()
    #: seconds: how old a planned time may be when its start arrives
    start_within: float = 600.0
    #: which missed times are made up for, see CATCH_UP of the table of keys; None: none
    catch_up: Mapping[str, Any] | None = None
    #: the jobs that it runs after, each with how it must end (see `core/chain.py`)
    after: tuple[tuple[str, str], ...] = ()
    #: the job whose schedule it has; None: its own
    schedule_of: str | None = None

    def to_record(self) -> dict[str, object]:
        """Return the values as the journal has them; of chains only what there is, so that other hashes stay."""
        values: dict[str, object] = {
            "schedule": list(self.schedule),
            "time_zone": self.time_zone,
            "disabled": self.disabled,
            "exclude": list(self.exclude),
            "start_within": self.start_within,
            "catch_up": None if self.catch_up is None else dict(self.catch_up),
        }
        if self.after:
            values["after"] = [list(cause) for cause in self.after]
        if self.schedule_of is not None:
            values["schedule_of"] = self.schedule_of
        return values

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the plan of a version's record. Raises ValueError, TypeError for one that makes no sense."""
        zone, catch_up, of = record.get("time_zone"), record.get("catch_up"), record.get("schedule_of")
        return cls(
            schedule=tuple(map(str, record["schedule"] or ())),
            time_zone=None if zone is None else str(zone),
            disabled=bool(record.get("disabled")),
            exclude=tuple(map(str, record.get("exclude") or ())),
            start_within=float(record.get("start_within") or 0),
            catch_up=catch_up if isinstance(catch_up, dict) else None,
            after=tuple((str(job), str(on)) for job, on in record.get("after") or ()),
            schedule_of=None if of is None else str(of),
        )

    def hash(self, version: str) -> str:
        """Return the hash of a job's version: of its file (`version`) and of these values.

        Of calendars their contents count, not the days that these come to in a window of days.
        """
        values = self.to_record()
        if self.exclude_made_of:
            values["exclude"] = list(self.exclude_made_of)
        text = json.dumps([version, values], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:HASH_DIGITS]

    def slots(self, after: int, until: int) -> tuple[int, ...]:
        """Return the planned times in (after, until], as UTC seconds; none when its time zone is unknown here."""
        return _slots(self.schedule, self.time_zone, after, until)

    def next_slot(self, after: int) -> int | None:
        """Return the first planned time after a moment, as UTC seconds; None when there is none."""
        schedule = _schedule(self.schedule, self.time_zone) if self.schedule else None
        if schedule is None:
            return None
        coming = next(iter(schedule.after(datetime.fromtimestamp(after, UTC))), None)
        return None if coming is None else int(coming.timestamp())

    def excluded_by(self, slot: int) -> str | None:
        """Return the day or range of days that excludes a planned time; None when none does."""
        if not self.exclude:
            return None
        day = datetime.fromtimestamp(slot, zone_of(self.time_zone)).date()
        span = span_with(day, self.exclude)
        return None if span is None else span[2]


def zone_of(time_zone: str | None) -> tzinfo:
    """Return the zone of that name; None is the host's. Raises ScheduleError for an unknown one."""
    return host_zone() if time_zone is None else zone_named(time_zone)


@lru_cache(maxsize=4096)
def _schedule(expressions: tuple[str, ...], time_zone: str | None) -> Schedule | None:
    try:
        return Schedule.parse(expressions, time_zone=zone_of(time_zone), host="", slug="")
    except ScheduleError:
        return None


@lru_cache(maxsize=1024)
def _slots(expressions: tuple[str, ...], time_zone: str | None, after: int, until: int) -> tuple[int, ...]:
    """Return the planned times of a window: thousands of jobs have few different schedules."""
    schedule = _schedule(expressions, time_zone) if expressions and after < until else None
    return () if schedule is None else tuple(slots_between(schedule, after, until))
