"""A second scheduler, minute by minute: what a schedule plans, and what has to start. It shares no code with ours."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE, DAY = 60, 86400
#: name of a zone, and five columns: numbers, lists, ranges, steps from `*`; the days of week are 0 to 6
Key = tuple[str, str]


@cache
def planned_minutes(key: Key, begin: int, end: int) -> tuple[int, ...]:
    """Return each planned time in [begin, end), whole minutes of UTC seconds, by looking at every minute."""
    columns = key[1].split()
    ranges = zip(columns, (0, 0, 1, 1, 0), (59, 23, 31, 12, 6), strict=True)
    fields = [_numbers(text, low, high) for text, low, high in ranges]
    is_fixed = columns[0][0] != "*" and columns[1][0] != "*"
    is_either = columns[2][0] != "*" and columns[4][0] != "*"
    shown = _shown_by_minute(key[0], begin, end, is_fixed=is_fixed)
    found = {
        moment
        for minute in fields[0]
        for moment, local in shown[minute]
        if _matches(fields, local, is_either=is_either)
    }
    return tuple(sorted(found))


@cache
def _shown_by_minute(zone: str, begin: int, end: int, *, is_fixed: bool) -> list[list[tuple[int, datetime]]]:
    """Return by each minute of an hour the moments at which a schedule of the kind sees it, and the local times."""
    found: list[list[tuple[int, datetime]]] = [[] for _ in range(60)]
    for moment, once, shown in _clock_of(zone, begin, end):
        for local in once if is_fixed else (shown,):
            found[local.minute].append((moment, local))
    return found


@cache
def _clock_of(zone: str, begin: int, end: int) -> list[tuple[int, list[datetime], datetime]]:
    """Return each minute with the times for which a fixed schedule fires in it, and the one that the clock shows."""
    named, found, highest = ZoneInfo(zone), [], None
    for moment in range(begin - DAY, end, MINUTE):
        shown = datetime.fromtimestamp(moment, UTC).astimezone(named).replace(tzinfo=None, fold=0)
        once = []  # of an hour that is shown once more nothing
        while highest is None or highest < shown:  # what the clock skips is made up for at once
            highest = shown if highest is None else highest + timedelta(minutes=1)
            once.append(highest)
        if moment >= begin:
            found.append((moment, once, shown))
    return found


def forget_what_was_planned() -> None:
    """Free the memory of what was looked up: a year of minutes in ten zones is two gigabytes."""
    for each in (planned_minutes, _shown_by_minute, _clock_of):
        each.cache_clear()


def _numbers(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _matches(fields: list[frozenset[int]], local: datetime, *, is_either: bool) -> bool:
    """Return whether hour and date match; the minute does."""
    if local.hour not in fields[1] or local.month not in fields[3]:
        return False
    days = local.day in fields[2], local.isoweekday() % 7 in fields[4]
    return any(days) if is_either else all(days)


@dataclass(slots=True)
class NaiveJob:
    """A job, from which moment on its planned times count, and what it has started."""

    slots: tuple[int, ...]
    start_within: float
    seen: float
    last: int | None = None
    #: when that was, by a clock that nobody sets
    began: float = 0.0

    def forget_what_was_early(self, offset: float) -> None:
        """Forget what ran more than a minute before its time, by the clock as it is now: it runs once more."""
        if self.last is not None and self.began + offset < self.last - MINUTE:
            self.last = None

    def newest(self, now: float) -> int | None:
        """Return the newest planned time not later than `now`, if it may still start."""
        number = bisect_right(self.slots, now)
        return self.slots[number - 1] if number and now - self.slots[number - 1] <= self.start_within else None


@dataclass(slots=True)
class NaiveScheduler:
    """Says at each look what has to start. The claims are those of the jobs: they outlive a restart."""

    jobs: dict[str, NaiveJob] = field(default_factory=dict)
    now: float = 0.0
    looked: float = 0.0

    def look(self, now: float, monotonic: float) -> dict[str, int]:
        """Return the slot of each job that starts now. A clock that was set back shows its times once more."""
        found = {}
        for slug, job in self.jobs.items():
            if now < self.now:
                job.seen = min(now, self.looked + now - monotonic)
                job.forget_what_was_early(now - monotonic)
            slot = job.newest(now)
            if slot is not None and slot > job.seen and slot != job.last:
                found[slug] = job.last = slot
                job.began = monotonic
            job.seen = now
        self.now, self.looked = now, monotonic
        return found

    def restart(self, now: float, monotonic: float) -> dict[str, int]:
        """Return what a new scheduler starts: the newest planned time, if it is newer than what was claimed.

        It does not know when that began; what is to come was claimed while the clock was ahead.
        """
        found = {}
        for slug, job in self.jobs.items():
            known = job.last if job.last is not None and job.last <= now + MINUTE else 0
            job.last = known if 0 < known <= now else None
            job.began = monotonic - (now - known)
            slot = job.newest(now)
            if slot is not None and slot > known:
                found[slug] = job.last = slot
                job.began = monotonic
            job.seen = now
        self.now, self.looked = now, monotonic
        return found


def differences(found: Iterable[tuple[str, int]], wanted: dict[str, int]) -> list[str]:
    """Return in words what started and had not to, and what had to and did not."""
    started = list(found)
    doubled = [each for each in set(started) if started.count(each) > 1]
    return [
        *(f"{slug}: {slot} twice" for slug, slot in doubled),
        *(f"{slug}: {slot} without reason" for slug, slot in sorted(set(started) - set(wanted.items()))),
        *(f"{slug}: {slot} did not start" for slug, slot in sorted(set(wanted.items()) - set(started))),
    ]
