"""A host that is simulated: clocks, disk, job files, and what its processes wrote. A seed decides all of it.

Time is that of a clock that nobody sets, `host.monotonic`; the wall clock is `host.now`. Its processes are those of
`simulated_processes`.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.naive_schedule import Key
from kit.simulated_rules import LOST, Locks, Looks, Rule
from process_control.core.schedule.dispatch import JobPlan
from process_control.core.start_queue import Limits

if TYPE_CHECKING:
    from kit.simulated_processes import Launcher, Parent, Scheduler
    from kit.simulated_run import Run

PROTECTIONS = ("claim", "rewind", "begun", "places", "left", "held", "line", "own waits")
EARLY_SECONDS, RELOAD_SECONDS = 60.0, 10.0
#: A simulated scheduler that nothing wakes looks at the next planned time only: every few minutes.
TICK_SECONDS = 300.0
VALID, INVALID, GONE = "valid", "invalid", "gone"


@dataclass(slots=True)
class Written:
    """What a run wrote: job and planned time, when it began and ended (monotonic), who started it.

    `waits`: it has claimed its planned time and not begun, `began` is when it claimed it; of a skip, when that was.
    """

    job: str
    slot: int
    began: float
    by: str
    claimed: float
    ended: float | None = None
    skipped: bool = False
    waits: bool = False
    #: it was killed while it waited
    was_forgotten: bool = False
    #: why it was skipped, and how it ended; of a killed run once somebody has found it
    reason: str = ""
    outcome: str | None = None
    #: when end or skip was recorded, by the wall clock and by the other
    recorded_at: float = 0.0
    recorded: float | None = None

    @property
    def has_run(self) -> bool:
        return not self.skipped and not self.waits and not self.was_forgotten


@dataclass(slots=True)
class Version:
    """What the file of a job says from a moment on."""

    since: float
    state: str
    key: Key
    start_within: float


class Process:
    """Something that can be killed; what it was about to do is not done then."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.lives = True
        self.stalled_until = 0.0

    def soon(self, seconds: float, action: Callable[[], None]) -> None:
        self.host.at(self.host.monotonic + seconds, lambda: self._do(action))

    def stall(self, seconds: float) -> None:
        """Do nothing for so long: the host is busy, or a disk hangs."""
        self.stalled_until = max(self.stalled_until, self.host.monotonic + seconds)
        self.host.at(self.stalled_until, lambda: None)

    def _do(self, action: Callable[[], None]) -> None:
        if self.lives and self.host.monotonic < self.stalled_until:
            self.host.at(self.stalled_until, lambda: self._do(action))
        elif self.lives:
            action()


class Host:
    """`without`: which protections are left out, see PROTECTIONS, so that a test sees the checker miss them."""

    def __init__(self, seed: int, begin: int, *, without: frozenset[str] = frozenset()) -> None:
        self.dice = random.Random(seed)
        self.without = without
        self.monotonic, self.offset, self.boot = 1000.0, begin - 1000.0, 1
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self._counted = 0
        self.versions: dict[str, list[Version]] = {}
        self.rules: dict[str, Rule] = {}
        self.limits = Limits()
        self.locks, self.looks = Locks(self), Looks(self)
        #: the file of the starts that the scheduler holds back
        self.held: list[tuple[int, str, float]] = []
        #: boot, and offset of the wall clock, when it was written
        self.held_by = (self.boot, self.offset)
        #: at the end of the day
        self.still_waiting: set[tuple[str, int]] = set()
        #: when a start that waited was left to the time that the clock, set back, will show once more
        self.withdrawn: dict[tuple[str, int], float] = {}
        self.slept = self.was_down = 0.0
        self.disk_is_full = self.forks_fail = False
        self.parent: Parent | None = None
        self.runs: list[Run] = []
        # what the checker is given
        self.written: list[Written] = []
        self.clock: list[tuple[float, float]] = [(self.monotonic, self.offset)]
        self.able: list[tuple[float, float]] = []
        self.causes: set[tuple[str, int]] = set()
        self.orders: list[tuple[int, int, str, int, float]] = []
        self._had: dict[tuple[str, int], list[Written]] = {}
        self._followers: dict[str, list[str]] = {}
        self._recorded: list[Written] = []
        self._unsettled: dict[str, list[Written]] = {}
        #: when a scheduler began to look
        self.begins: list[float] = []
        #: when it awoke from a sleep
        self.woken: list[float] = []
        self._able_since: float | None = None

    @property
    def now(self) -> float:
        return self.monotonic + self.offset

    def at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (max(moment, self.monotonic), self.count(), action))

    def count(self) -> int:
        """Return a number that nothing else has."""
        self._counted += 1
        return self._counted

    def go_on_until(self, moment: float) -> None:
        while self.events and self.events[0][0] <= moment:
            at, _, action = heapq.heappop(self.events)
            self.monotonic = max(self.monotonic, at)
            self.note_ability()
            action()
            self.note_ability()
        self.monotonic = max(self.monotonic, moment)

    def note_ability(self) -> None:
        """Note from when to when parent, scheduler and launcher were all there and awake."""
        parent = self.parent
        is_able = parent is not None and parent.lives and self._is_awake(parent.scheduler, parent.launcher)
        if is_able and self._able_since is None:
            self._able_since = self.monotonic
        elif not is_able and self._able_since is not None:
            self.able.append((self._able_since, self.monotonic))
            self._able_since = None

    def _is_awake(self, scheduler: "Scheduler | None", launcher: "Launcher | None") -> bool:
        now = self.monotonic
        if scheduler is None or not scheduler.lives or not scheduler.is_ready or now < scheduler.stalled_until:
            return False
        return launcher is not None and launcher.lives and launcher.is_ready and now >= launcher.stalled_until

    def end(self) -> None:
        """End the day: what has waited for longer than it may, with a scheduler, is not among `still_waiting`."""
        self.interrupt_ability()
        had_time = any(last == self.monotonic and last - first > TICK_SECONDS for first, last in self.able)
        waiting = list(self.held)
        if self.parent is not None and self.parent.scheduler is not None:
            dispatch = self.parent.scheduler.dispatch
            starts = [start for start in (*dispatch.waiting, *dispatch.live.values()) if start.pid is None]
            waiting += [(start.slot or 0, start.job, start.arrived) for start in starts]
        for slot, job, arrived in waiting:
            if not had_time or self.monotonic - arrived < self.rules[job].queue_timeout + TICK_SECONDS:
                self.still_waiting.add((job, slot))
        self.still_waiting |= {(run.job, run.slot) for run in self.runs if run.wrote is None}  # begun just now

    # --- what happens to it ------------------------------------------------------------------------------------------

    def set_clock(self, seconds: float) -> None:
        self.offset += seconds
        self.clock.append((self.monotonic, self.offset))
        self._have_it_look()

    def _have_it_look(self) -> None:
        """Let the scheduler wake up as it does once a second, whatever it waits for."""
        if self.parent is not None and self.parent.scheduler is not None:
            self.parent.scheduler.soon(self.dice.random(), self.parent.scheduler.look)

    def suspend(self, seconds: float) -> None:
        """All that was about to be done is done so much later."""
        self.interrupt_ability()
        self.events = [(at + seconds, number, action) for at, number, action in self.events]
        self.monotonic += seconds
        for each in () if self.parent is None else (self.parent.scheduler, self.parent.launcher):
            if each is not None and each.stalled_until > self.monotonic - seconds:
                each.stalled_until += seconds
        self.slept += seconds
        self.woken.append(self.monotonic)
        self._have_it_look()

    def interrupt_ability(self) -> None:
        if self._able_since is not None:
            self.able.append((self._able_since, self.monotonic))
            self._able_since = None

    def crash(self, seconds: float) -> None:
        """The host is down for so long."""
        self.interrupt_ability()
        for run in list(self.runs):
            run.kill()
        if self.parent is not None:
            self.parent.kill(comes_again=False)
        self.boot += 1
        self.was_down += seconds
        self.at(self.monotonic + seconds, self.start_parent)

    def start_parent(self) -> None:
        if self.parent is None or not self.parent.lives:
            from kit.simulated_processes import Parent

            self.parent = Parent(self)

    def write_file(self, slug: str, state: str, key: Key, start_within: float) -> None:
        version = Version(self.monotonic, state, key, start_within)
        self.versions.setdefault(slug, []).append(version)
        if self.parent is not None and self.parent.scheduler is not None:
            scheduler, changed = self.parent.scheduler, self.monotonic
            scheduler.soon(self.dice.random() * RELOAD_SECONDS, lambda: scheduler.reload(changed))

    # --- what its processes see --------------------------------------------------------------------------------------

    def plans(self) -> dict[str, JobPlan]:
        """Return what the files plan; an invalid one what it planned before."""
        found = {}
        for slug, versions in self.versions.items():
            last = versions[-1]
            if last.state == GONE or (last.state == INVALID and all(each.state != VALID for each in versions)):
                continue
            rule = self.rules[slug]
            found[slug] = JobPlan(
                slug=slug, key=last.key, start_within=last.start_within, lock=slug, on_overlap=rule.on_overlap,
                pool=rule.pool, queue_timeout=rule.queue_timeout,
            )  # fmt: skip
        return found

    def is_valid(self, job: str) -> bool:
        """Return whether the job's file can be read, and those of its causes."""
        causes = (cause for cause, _ in self.rules[job].after)
        return (job not in self.versions or self.versions[job][-1].state == VALID) and all(map(self.is_valid, causes))

    def places_in(self, pool: str | None) -> int | None:
        """Return how many may run at once in a pool, or on the host (None); None: no limit."""
        return self.limits.max_concurrent if pool is None else self.limits.pools.get(pool)

    def followers_of(self, job: str) -> list[str]:
        if not self._followers:
            for slug, rule in self.rules.items():
                for cause, _ in rule.after:
                    self._followers.setdefault(cause, []).append(slug)
        return self._followers.get(job, [])

    def hold(self, starts: list[tuple[int, str, float]]) -> None:
        if starts != self.held:
            self.held, self.held_by = starts, (self.boot, self.offset)

    def start_follower(self, job: str, slot: int) -> None:
        from kit.simulated_run import Run

        Run(self, job, slot, by="cause", is_following=True)

    def let_the_waiting_look(self) -> None:
        """Let each run that waits for a lock or a place look soon, in the order in which they came."""
        soon = 0.0
        for run in self.runs:
            if run.waits_for is not None:
                soon += self.dice.random() * 0.05
                run.soon(soon, run.look_again)

    def settle(self, job: str) -> None:
        """Record the runs of the job that were killed as lost."""
        for each in self._unsettled.pop(job, ()):
            self.record(each, LOST)

    def writes(self, wrote: Written) -> None:
        self.written.append(wrote)
        self._had.setdefault((wrote.job, wrote.slot), []).append(wrote)

    def written_of(self, job: str, slot: int) -> list[Written]:
        return self._had.get((job, slot), [])

    def record(self, wrote: Written, outcome: str | None) -> None:
        """Record an end, or a skip when there is no outcome."""
        wrote.outcome, wrote.recorded_at, wrote.recorded = outcome, self.now, self.monotonic
        self._recorded.append(wrote)

    def leave_unsettled(self, wrote: Written) -> None:
        self._unsettled.setdefault(wrote.job, []).append(wrote)

    def recorded_since(self, moment: float) -> list[Written]:
        """Return the ends and skips recorded from this wall clock time on."""
        return [each for each in self._recorded if each.recorded_at >= moment]

    def claimed(self) -> dict[str, int | None]:
        return {each.job: each.slot for each in self.written}

    def claims(self, slug: str, slot: int) -> bool:
        """Decide whether a run gets this planned time: none had it, or one only, well before it by the clock of now."""
        if "claim" in self.without:
            return True
        had = [each for each in self.written_of(slug, slot) if not each.was_forgotten]
        if any(each.waits for each in had):
            return False
        early = [each for each in had if self.now - (self.monotonic - each.began) < slot - EARLY_SECONDS]
        return not had or (len(early) == len(had) and sum(each.has_run for each in had) <= 1)
