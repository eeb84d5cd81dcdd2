"""A cache of each schedule's next planned times and its words, for lists of thousands of jobs.

An entry is valid while schedule, host, zone and the zone's file are unchanged, and until its planned times are used up.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from process_control.config.cache import read
from process_control.config.settings import Settings
from process_control.core.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.calendars import Calendars
    from process_control.core.schedule.included import Included
    from process_control.core.schedule.schedule import Schedule

CACHE_NAME = "+schedules"  # no slug: the cache file of all jobs' schedules
COMING_SLOTS = 16
NO_SLOT = 0
#: Slots are planned until one is this far away, or there are COMING_SLOTS.
ENOUGH_SECONDS = 2 * 3600


class KnownSchedules:
    """The schedules of many jobs at the moment `now` (aware). `keep` writes the cache.

    `earlier`: those of a moment before, instead of the cache.
    """

    def __init__(self, settings: Settings, now: datetime, *, earlier: "KnownSchedules | None" = None) -> None:
        self.now = now
        self._settings = settings
        self._search = settings.search
        self._calendars: Calendars | None = None
        self._job_directory = settings.job_directory
        self._zones: dict[str, list[Any]] = {}
        self._known: dict[str, list[Any]] = {}
        self._planned = 0
        self._host_zone: Any = None
        self._made_by = read.stamp()
        if earlier is None:
            self._read()
        elif (earlier._made_by, earlier._job_directory) == (self._made_by, self._job_directory):
            self._take(earlier._zones, dict(earlier._known))

    def next_slot(self, job: Job) -> datetime | None:
        """Return the next slot of the job that no day excludes; None when it has none, or its zone is unknown now."""
        if not job.schedule:
            return None
        moment = self.now.timestamp()
        slots = self._entry(job)[3]
        if not slots or not slots[0] <= moment < slots[-1]:
            slots = self._plan(job)
        slot = next((slot for slot in slots if slot > moment), None)
        return None if slot is None else datetime.fromtimestamp(slot, UTC)

    def last_slot(self, job: Job, before: float) -> int | None:
        """Return the last slot (UTC seconds) not later than `before` that no day excludes; None without one."""
        slots = self._entry(job)[3]
        if not slots or not slots[0] <= self.now.timestamp() < slots[-1]:
            slots = self._plan(job)
        if slots and slots[0] <= before:
            last = max(slot for slot in slots if slot <= before)
            return int(last) or None
        schedule = self._included(job)
        found = None if schedule is None else schedule.last_at_or_before(datetime.fromtimestamp(before, UTC))
        return None if found is None else int(found.timestamp())

    def first_slot_from(self, job: Job, moment: datetime) -> datetime | None:
        """Return the first slot that is no earlier than `moment`."""
        schedule = self._included(job)
        return None if schedule is None else next(iter(schedule.after(moment - timedelta(seconds=1))), None)

    def words(self, job: Job) -> str | None:
        """Return the schedule in words; None when it has none, or its zone is no longer known."""
        if job.fleet_schedule:
            of_fleet = self._schedule(job)
            return None if of_fleet is None else f"in the fleet: {of_fleet.in_words()}"
        if not job.schedule:
            return None
        words: str | None = self._entry(job)[2]
        return words

    def host_zone(self) -> Any:
        """Return the host's time zone, looked up once."""
        if self._host_zone is None:
            from process_control.core.schedule.schedule import host_zone

            self._host_zone = host_zone()
        return self._host_zone

    def keep(self) -> None:
        """Write the cache if more than one schedule in twenty was planned now."""
        if self._planned * 20 <= len(self._known):
            return
        import json  # its encoder is in C: thousands of jobs

        from process_control.config.cache import write

        moment = self.now.timestamp()
        coming = {slug: entry for slug, entry in self._known.items() if not entry[3] or entry[3][-1] > moment}
        value = {"made_by": self._made_by, "made_with": self._job_directory, "zones": self._zones, "jobs": coming}
        places, name = self._search.cache_places_now(), self._search.cache_name(CACHE_NAME)
        write.write_text(places, name, json.dumps(value))

    def _read(self) -> None:
        known = read.read(self._search.cache_places_now(), self._search.cache_name(CACHE_NAME))
        if known is None or known.get("made_with") != self._job_directory:
            return
        if not isinstance(known.get("jobs"), dict) or not isinstance(known.get("zones"), dict):
            return
        self._take(known["zones"], known["jobs"])

    def _take(self, zones: dict[str, list[Any]], known: dict[str, list[Any]]) -> None:
        """Take over what was known, but for zones that have changed."""
        self._zones = {zone: read.zone_stamp(zone or None) for zone in zones}
        changed = {zone for zone, stamp in self._zones.items() if stamp != zones[zone]}
        self._known = known
        if changed:
            self._known = {slug: entry for slug, entry in self._known.items() if entry[1] not in changed}

    def _entry(self, job: Job) -> list[Any]:
        """Return [schedule, zone, words, [a slot that may be late, all after it …], days that are excluded].

        Slots are there once they were asked for.
        """
        known = self._known.get(job.slug)
        if known is not None and _matches(known, job):
            return known
        schedule = self._schedule(job)
        words = None if schedule is None else schedule.in_words()
        entry = [job.schedule, job.time_zone or "", words, [], _days_of(job)]
        if schedule is not None:
            self._known[job.slug] = entry
            self._planned += 1
        return entry

    def _plan(self, job: Job) -> list[int]:
        schedule = self._included(job)
        if schedule is None:
            return []
        moment = self.now.timestamp()
        settled_by = datetime.fromtimestamp(moment - job.start_within_seconds, UTC)
        last = schedule.last_at_or_before(settled_by)
        slots = [NO_SLOT if last is None else int(last.timestamp())]
        coming = 0
        for slot in schedule.after(last or settled_by):
            slots.append(int(slot.timestamp()))
            coming += slots[-1] > moment
            if coming >= COMING_SLOTS or slots[-1] > moment + ENOUGH_SECONDS:
                break
        self._known[job.slug][3] = slots
        self._planned += 1
        return slots

    def _included(self, job: Job) -> "Schedule | Included | None":
        """Return the schedule without the days that the job excludes."""
        schedule = self._schedule(job)
        if schedule is None or not job.exclude:
            return schedule
        from process_control.config.plan_of_job import included

        if self._calendars is None:
            from process_control.config.calendars import Calendars

            self._calendars = Calendars(self._settings, self.now.timestamp())
        return included(job, schedule, self._settings, self._calendars)

    def _schedule(self, job: Job) -> "Schedule | None":
        from os import uname

        from process_control.core.schedule.columns import ScheduleError
        from process_control.core.schedule.schedule import Schedule

        zone = job.time_zone or ""
        try:
            schedule = Schedule.parse(
                job.schedule or job.fleet_schedule,
                time_zone=job.time_zone or self.host_zone(),
                host="" if job.fleet_schedule else uname().nodename,  # the fleet's `H` is of the slug alone
                slug=job.slug,
            )
        except ScheduleError:
            return None
        if zone not in self._zones:
            self._zones[zone] = read.zone_stamp(job.time_zone)
        return schedule


def _days_of(job: Job) -> str:
    """Return what changes with the excluded days of a job; nothing for most."""
    return job.plan_hash if job.exclude else ""


def _matches(entry: list[Any], job: Job) -> bool:
    try:
        schedule, zone, words, slots, days = entry
    except (TypeError, ValueError):
        return False
    same = schedule == job.schedule and zone == (job.time_zone or "") and days == _days_of(job)
    return same and isinstance(words, str) and isinstance(slots, list)
