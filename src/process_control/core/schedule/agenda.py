"""Which planned times of thousands of jobs fall due, and when the next one does. Pure: the clock is an argument.

Jobs with equal schedules share one evaluation, and a heap has the next planned time of each, so a look costs what is
due and not what is planned. The wall clock may be set: forwards, the newest planned time of each job counts and those
before it are passed over, as by a job that cron starts late; backwards, call `rewind`.
"""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

#: A planned time that is this old is not approached step by step: a year of minutes would take seconds.
MAX_STEPS_SECONDS = 3600.0


class Planned(Protocol):
    """What a schedule has to answer; `Schedule` and `Included` do."""

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after `moment`, in order, as aware UTC."""

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        """Return the last planned time not later than `moment`."""


@dataclass(frozen=True, slots=True)
class Due:
    """A planned time (UTC seconds), and the jobs that it is of."""

    slot: int
    jobs: tuple[str, ...]


class _Entry:
    """One schedule with the jobs that have it; `coming` yields its planned times, the first of which is `slot`."""

    __slots__ = ("coming", "jobs", "schedule", "slot", "taken")

    def __init__(self, schedule: Planned) -> None:
        self.schedule = schedule
        self.jobs: dict[str, None] = {}
        self.coming: Iterator[datetime] = iter(())
        self.slot: float | None = None
        #: the newest planned time that was due
        self.taken = 0.0

    def wind_to(self, now: float) -> None:
        """Set `slot` to the first planned time after `now`."""
        self.coming = self.schedule.after(datetime.fromtimestamp(now, UTC))
        self.step()

    def step(self) -> None:
        moment = next(self.coming, None)
        self.slot = None if moment is None else moment.timestamp()

    def take_until(self, now: float) -> float:
        """Return the newest planned time not later than `now`, and set `slot` to the next one. `slot` must be due."""
        slot = self.slot or 0.0
        if now - slot > MAX_STEPS_SECONDS:
            last = self.schedule.last_at_or_before(datetime.fromtimestamp(now, UTC))
            self.wind_to(now)
            self.taken = slot if last is None else last.timestamp()
        else:
            while self.slot is not None and self.slot <= now:
                self.taken = self.slot
                self.step()
        return self.taken


class Agenda:
    """The planned times of all jobs. A job is a slug; its schedule is named by a key, equal for equal schedules."""

    def __init__(self, schedule_of: Callable[[Hashable], Planned | None]) -> None:
        self._schedule_of = schedule_of
        self._entries: dict[Hashable, _Entry | None] = {}
        self._keys: dict[str, Hashable] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._pushed = 0
        #: of jobs that were planned since a moment for which their schedule was due already
        self._overdue: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def plan(self, keys: Mapping[str, Hashable], now: float) -> None:
        """Plan these jobs, by slug, and no others. Whoever is planned already keeps the next planned time."""
        for slug in [slug for slug, key in self._keys.items() if keys.get(slug) != key]:
            self._remove(slug)
        for slug, key in keys.items():
            if slug not in self._keys:
                self._add(slug, key, now)

    def rewind(self, now: float) -> None:
        """Plan all from `now` on: the clock was set back, or the rules of a time zone have changed."""
        keys = dict(self._keys)
        self._entries.clear()
        self._keys.clear()
        self._heap.clear()
        self.plan(keys, now)

    @property
    def next_at(self) -> float | None:
        """The next planned time of any job (UTC seconds)."""
        self._forget_the_passed()
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> list[Due]:
        """Return what is due: of each schedule the newest planned time not later than `now`; the oldest comes first."""
        found = [Due(slot, (slug,)) for slug, slot in self._overdue.items()]
        self._overdue.clear()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is None or entry.slot != at:
                continue
            found.append(Due(int(entry.take_until(now)), tuple(entry.jobs)))
            self._push(key, entry)
        return sorted(found, key=lambda due: due.slot)

    def last_before(self, now: float, slugs: Iterable[str]) -> dict[str, int]:
        """Return the newest planned time not later than `now` of each of these jobs that has one."""
        moment = datetime.fromtimestamp(now, UTC)
        known: dict[Hashable, datetime | None] = {}
        found = {}
        for slug in slugs:
            key = self._keys.get(slug)
            entry = self._entries.get(key)
            if entry is None:
                continue
            if key not in known:
                known[key] = entry.schedule.last_at_or_before(moment)
            last = known[key]
            if last is not None:
                found[slug] = int(last.timestamp())
        return found

    def _add(self, slug: str, key: Hashable, now: float) -> None:
        if key not in self._entries:
            schedule = self._schedule_of(key)
            self._entries[key] = None if schedule is None else _Entry(schedule)
        entry = self._entries[key]
        if entry is None:  # its time zone is gone
            return
        if not entry.jobs:
            entry.taken = 0.0
            entry.wind_to(now)
            self._push(key, entry)
        elif entry.taken > now:
            self._overdue[slug] = int(entry.taken)
        entry.jobs[slug] = None
        self._keys[slug] = key

    def _remove(self, slug: str) -> None:
        key = self._keys.pop(slug)
        self._overdue.pop(slug, None)
        entry = self._entries[key]
        if entry is not None:
            del entry.jobs[slug]
            if not entry.jobs:
                del self._entries[key]

    def _push(self, key: Hashable, entry: _Entry) -> None:
        if entry.slot is not None:
            self._pushed += 1  # keys need not be comparable
            heapq.heappush(self._heap, (entry.slot, self._pushed, key))

    def _forget_the_passed(self) -> None:
        """Remove what is no longer planned from the top of the heap."""
        while self._heap:
            at, _, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry.slot == at:
                return
            heapq.heappop(self._heap)
