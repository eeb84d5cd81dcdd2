"""One day as lanes: what ran, what will run, what collides, and when it is quiet. Pure. Times are UTC seconds."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

PLANNED, RUNNING, SKIPPED, MISSED, DUE = "planned", "running", "skipped", "missed", "due"
WORST_FIRST = ("failed", "lost", MISSED, RUNNING, "warned", SKIPPED, "succeeded", DUE, PLANNED)
TROUBLES = ("failed", "lost", MISSED)
#: The rank of a kind that is none of WORST_FIRST, as of an edited record: nobody is to take it for a success.
UNKNOWN_RANK = WORST_FIRST.index("warned")
#: A run that took less counts as so long: it is there to be seen.
SHORTEST_SECONDS = 1.0
QUIET_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run, or a planned one: from `begin` to `end`. Of what did not run both are the same."""

    job: str
    begin: float
    end: float
    #: one of WORST_FIRST, or the unknown outcome of an edited record
    kind: str


@dataclass(frozen=True, slots=True)
class Collision:
    """Runs of several jobs under one lock, which wait for each other or are skipped."""

    begin: float
    end: float
    lock: str
    jobs: tuple[str, ...]


class Planned(NamedTuple):
    """The planned runs of one job, all of one length. Jobs with the same planned times share them: there are many."""

    job: str
    #: rising, all within the day
    begins: tuple[float, ...]
    seconds: float


@dataclass(slots=True)
class Lane:
    """All of one job, by time."""

    job: str
    #: What ran, or did not.
    past: list[Stretch] = field(default_factory=list)
    #: When its planned runs begin, and how long each of them takes.
    begins: tuple[float, ...] = ()
    planned_seconds: float = 0.0

    @property
    def stretches(self) -> list[Stretch]:
        """All of it, as stretches."""
        return [*self.past, *(Stretch(self.job, at, at + self.planned_seconds, PLANNED) for at in self.begins)]

    @property
    def troubles(self) -> int:
        return sum(each.kind in TROUBLES for each in self.past)

    @property
    def seconds(self) -> float:
        return sum(each.end - each.begin for each in self.past) + len(self.begins) * self.planned_seconds

    @property
    def merged(self) -> list[Stretch]:
        """When the job runs, without overlaps: of two runs of a job one waits."""
        return _merged(self.stretches)


@dataclass(slots=True, kw_only=True)
class Day:
    """A day from `begin` to `end`, seen at `now`."""

    begin: float
    end: float
    now: float
    #: what failed or was missed first, then the busiest
    lanes: list[Lane]
    collisions: list[Collision]
    #: how many run at once at most, and when that begins; None of a day without a run
    peak: tuple[int, float] | None
    #: times without any run, the longest first
    quiet: list[tuple[float, float]]
    #: (when, by how many seconds)
    clock_changes: list[tuple[float, int]]


def day_of(
    stretches: Iterable[Stretch],
    *,
    planned: Iterable[Planned] = (),
    begin: float,
    end: float,
    now: float,
    locks: Mapping[str, str],
    zone: tzinfo,
) -> Day:
    """Return the day. `planned`: what comes behind the stretches of its job; `locks`: the lock of each job."""
    by_job: dict[str, Lane] = {}
    for each in sorted(stretches, key=attrgetter("begin")):
        if each.begin < end and each.end >= begin:
            by_job.setdefault(each.job, Lane(each.job)).past.append(each)
    for job, begins, seconds in planned:
        if begins:
            lane = by_job.setdefault(job, Lane(job))
            lane.begins, lane.planned_seconds = begins, seconds
    lanes = sorted(by_job.values(), key=lambda lane: (-lane.troubles, -lane.seconds, lane.job))
    return Day(
        begin=begin,
        end=end,
        now=now,
        lanes=lanes,
        collisions=collisions(_of_shared_locks(lanes, locks), locks),
        peak=peak(lanes),
        quiet=quiet(_spans(lanes), begin, end),
        clock_changes=clock_changes(begin, end, zone),
    )


def _of_shared_locks(lanes: Sequence[Lane], locks: Mapping[str, str]) -> list[Stretch]:
    """Return the runs of jobs that share their lock with another one."""
    users = Counter(locks.get(lane.job, lane.job) for lane in lanes)
    shared = (lane for lane in lanes if users[locks.get(lane.job, lane.job)] > 1)
    return [each for lane in shared for each in lane.stretches if each.end > each.begin]


def _spans(lanes: Sequence[Lane]) -> Iterator[tuple[float, float]]:
    """Yield when something runs or is planned; of jobs with the same planned times the longest runs."""
    longest: dict[tuple[float, ...], float] = {}
    for lane in lanes:
        yield from ((each.begin, each.end) for each in lane.past)
        longest[lane.begins] = max(longest.get(lane.begins, 0.0), lane.planned_seconds)
    for begins, seconds in longest.items():
        yield from ((at, at + seconds) for at in begins)


def collisions(runs: Iterable[Stretch], locks: Mapping[str, str]) -> list[Collision]:
    """Return where runs of different jobs under one lock overlap, by time; neighbours of the same jobs are one."""
    by_lock: dict[str, list[Stretch]] = defaultdict(list)
    for run in runs:
        by_lock[locks.get(run.job, run.job)].append(run)
    found = []
    for lock, of_lock in by_lock.items():
        if len({run.job for run in of_lock}) > 1:
            found += _overlaps(lock, sorted(of_lock, key=lambda run: run.begin))
    return sorted(found, key=lambda each: (each.begin, each.lock))


def _overlaps(lock: str, runs: Sequence[Stretch]) -> list[Collision]:
    """Return the stretches of time in which more than one job has a run, each with all its jobs."""
    found, group, until = [], [runs[0]], runs[0].end
    for run in [*runs[1:], None]:
        if run is not None and run.begin < until:
            group.append(run)
            until = max(until, run.end)
            continue
        jobs = tuple(sorted({each.job for each in group}))
        if len(jobs) > 1:
            found.append(Collision(group[1].begin, until, lock, jobs))
        if run is not None:
            group, until = [run], run.end
    return found


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return when a job runs, without overlaps: of two runs of a job one waits."""
    found: list[Stretch] = []
    for each in stretches:
        if each.end <= each.begin:
            continue
        if found and each.begin <= found[-1].end:
            found[-1] = Stretch(each.job, found[-1].begin, max(each.end, found[-1].end), found[-1].kind)
        else:
            found.append(each)
    return found


def peak(lanes: Iterable[Lane]) -> tuple[int, float] | None:
    """Return how many jobs run at once at most, and the first moment of that."""
    begun: dict[float, int] = defaultdict(int)
    ended: dict[float, int] = defaultdict(int)
    of_begins: dict[tuple[float, ...], int] = defaultdict(int)
    of_runs: dict[tuple[tuple[float, ...], float], int] = defaultdict(int)
    for lane in lanes:
        runs = _merged(lane.past) if _is_apart(lane) else lane.merged
        for each in runs:
            begun[each.begin] += 1
            ended[each.end] += 1
        if _is_apart(lane):
            of_begins[lane.begins] += 1
            of_runs[lane.begins, lane.planned_seconds] += 1
    for begins, count in of_begins.items():
        for at in begins:
            begun[at] += count
    for (begins, seconds), count in of_runs.items():
        for at in begins:
            ended[at + seconds] += count
    return _most(begun, ended)


def _most(begun: Mapping[float, int], ended: Mapping[float, int]) -> tuple[int, float] | None:
    best: tuple[int, float] | None = None
    running, ends = 0, deque(sorted(ended))
    for at in sorted(begun):
        while ends[0] <= at:
            running -= ended[ends.popleft()]
        running += begun[at]
        if best is None or running > best[0]:
            best = running, at
    return best


def _is_apart(lane: Lane) -> bool:
    """Return whether the planned runs of a lane overlap neither each other nor what ran before."""
    if not lane.begins:
        return True
    last = max((each.end for each in lane.past), default=lane.begins[0])
    return last <= lane.begins[0] and lane.planned_seconds <= shortest_step(lane.begins)


@lru_cache(maxsize=8192)
def shortest_step(begins: tuple[float, ...]) -> float:
    """Return the shortest time between two of them."""
    return min((later - each for each, later in pairwise(begins)), default=float("inf"))


def quiet(spans: Iterable[tuple[float, float]], begin: float, end: float) -> list[tuple[float, float]]:
    """Return the times of at least QUIET_SECONDS in which nothing runs or is planned, the longest first."""
    found, at = [], begin
    for begins, ends in sorted(spans):
        if begins - at >= QUIET_SECONDS:
            found.append((at, begins))
        at = max(at, ends)
    if end - at >= QUIET_SECONDS:
        found.append((at, end))
    return sorted(found, key=lambda pair: pair[0] - pair[1])


def clock_changes(begin: float, end: float, zone: tzinfo) -> list[tuple[float, int]]:
    """Return when the zone's clock is changed in the day, and by how many seconds."""
    found = []
    moment = begin
    while moment < end:
        change = _offset(moment + 900, zone) - _offset(moment, zone)
        if change:
            found.append((moment + 900, int(change.total_seconds())))
        moment += 900
    return found


def cells(stretches: Iterable[Stretch], begin: float, seconds_each: float, count: int) -> list[str | None]:
    """Return the worst kind of each cell of a lane; None where there is nothing."""
    found: list[str | None] = [None] * count
    rank = {kind: number for number, kind in enumerate(WORST_FIRST)}
    for each in stretches:
        for number in _cells_of(each, begin, seconds_each, count):
            before = found[number]
            if before is None or rank.get(each.kind, UNKNOWN_RANK) < rank.get(before, UNKNOWN_RANK):
                found[number] = each.kind
    return found


def load(stretches: Iterable[Stretch], begin: float, seconds_each: float, count: int) -> list[int]:
    """Return how many jobs run, or are to run, in each cell."""
    jobs: list[set[str]] = [set() for _ in range(count)]
    for each in stretches:
        if each.end > each.begin:
            for number in _cells_of(each, begin, seconds_each, count):
                jobs[number].add(each.job)
    return [len(each) for each in jobs]


def _cells_of(each: Stretch, begin: float, seconds_each: float, count: int) -> range:
    first = int((max(each.begin, begin) - begin) // seconds_each)
    last = int((max(each.end, begin) - begin) // seconds_each)
    if last > first and (each.end - begin) % seconds_each == 0:
        last -= 1
    return range(max(first, 0), min(last, count - 1) + 1)


def _offset(moment: float, zone: tzinfo) -> timedelta:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).utcoffset() or timedelta(0)
