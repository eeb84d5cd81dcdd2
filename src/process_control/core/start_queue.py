"""Which of the waiting starts may start now, in which order, and what each of the others waits for. Pure.

A start needs three things: the lock of its job, a place in its pool, and a place on the host (`max_concurrent`). It
takes all of them or none, so that no start keeps from another what it cannot use itself. Starts are looked at in order
of arrival, and what one takes is gone for all after it; so the order holds within each lock and pool and on the host,
and a start that waits for its pool does not hold up one that needs another.

Only `on_overlap: queue` waits for a lock that is held. Any other start goes at once then, for its run skips, fails or
replaces, and needs no place for that. All starts wait behind an earlier one that is to have their lock.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

LOCK, POOL, MAX_CONCURRENT = "lock", "pool", "max_concurrent"


class Start(NamedTuple):
    """A start that is due, and what it needs. Each look may make thousands: a named tuple takes a third of the time."""

    job: str
    #: The planned time, in UTC seconds; None for a start without one.
    slot: int | None
    lock: str
    on_overlap: str
    pool: str | None
    #: Its number in the order of arrival.
    arrived: int


@dataclass(frozen=True, slots=True)
class Running:
    """A run, and what it holds."""

    job: str
    lock: str
    #: None also for a run in the place of its outer run.
    pool: str | None
    #: False for a run without a place on the host: forced by hand, or started by a run that has one.
    on_host: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may run at once. A pool that is missing here has no limit."""

    max_concurrent: int | None = None
    pools: Mapping[str, int] = field(default_factory=dict)


class Waits(NamedTuple):
    """A start that has to wait, and why: for its lock, its pool, or the host, in this order."""

    start: Start
    why: str
    #: Its place among those that wait for the same; 1 is next.
    position: int
    #: The jobs that hold what it waits for; empty when an earlier start is to have the lock first.
    holders: tuple[str, ...]
    #: The start before it among those that wait for the same; None for the first.
    behind: Start | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Which starts may start now, and which wait; both in order of arrival."""

    starts: tuple[Start, ...]
    waits: tuple[Waits, ...]


def decide(waiting: Iterable[Start], running: Iterable[Running], limits: Limits) -> Decision:
    """Return what may start now. Deciding again with these among the running ones starts nothing more."""
    taken = _Taken(running, limits)
    queues = _Queues()
    starts: list[Start] = []
    waits: list[Waits] = []
    for start in sorted(waiting, key=lambda start: start.arrived):
        before = queues.last_of_lock.get(start.lock)
        holders = taken.holders_of_lock(start.lock)
        if before is None and holders and start.on_overlap != "queue":
            starts.append(start)
            continue
        why = LOCK if before is not None or holders else taken.what_lacks(start)
        if why is None:
            taken.take(start)
            starts.append(start)
        else:
            waits.append(queues.add(start, why, holders if why == LOCK else taken.holders_of_place(start, why)))
    return Decision(tuple(starts), tuple(waits))


class _Taken:
    """What is taken: by the running ones, and by the starts that were let go before."""

    def __init__(self, running: Iterable[Running], limits: Limits) -> None:
        self._limits = limits
        self._locks: dict[str, tuple[str, ...]] = {}
        self._pools: defaultdict[str, list[str]] = defaultdict(list)
        self._host: list[str] = []
        #: Once something is full it stays so: its holders are written down once.
        self._full: dict[tuple[str, str | None], tuple[str, ...]] = {}
        for run in running:
            self._locks[run.lock] = (*self._locks.get(run.lock, ()), run.job)
            if run.pool is not None:
                self._pools[run.pool].append(run.job)
            if run.on_host:
                self._host.append(run.job)

    def holders_of_lock(self, lock: str) -> tuple[str, ...]:
        return self._locks.get(lock, ())

    def what_lacks(self, start: Start) -> str | None:
        """Return POOL or MAX_CONCURRENT; None when there is a place in both."""
        if start.pool is not None:
            places = self._limits.pools.get(start.pool)
            if places is not None and len(self._pools[start.pool]) >= places:
                return POOL
        most = self._limits.max_concurrent
        return MAX_CONCURRENT if most is not None and len(self._host) >= most else None

    def take(self, start: Start) -> None:
        self._locks[start.lock] = (start.job,)
        if start.pool is not None:
            self._pools[start.pool].append(start.job)
        self._host.append(start.job)

    def holders_of_place(self, start: Start, why: str) -> tuple[str, ...]:
        key = (why, start.pool if why == POOL else None)
        if key not in self._full:
            self._full[key] = tuple(self._host if key[1] is None else self._pools[key[1]])
        return self._full[key]


class _Queues:
    """Those that wait, by what they wait for."""

    def __init__(self) -> None:
        #: Of all that wait, whatever for: later starts with the same lock come after them.
        self.last_of_lock: dict[str, Start] = {}
        self._last: dict[tuple[str, str | None], Start] = {}
        self._length: Counter[tuple[str, str | None]] = Counter()
        self._waiting_with_lock: Counter[str] = Counter()

    def add(self, start: Start, why: str, holders: tuple[str, ...]) -> Waits:
        if why == LOCK:
            behind = self.last_of_lock.get(start.lock)
            position = self._waiting_with_lock[start.lock] + 1
        else:
            key = (why, start.pool if why == POOL else None)
            behind = self._last.get(key)
            self._last[key] = start
            self._length[key] += 1
            position = self._length[key]
        self.last_of_lock[start.lock] = start
        self._waiting_with_lock[start.lock] += 1
        return Waits(start, why, position, holders, behind)
