"""What the scheduler does next: which starts are due, and which of them may begin now. Pure: the clock is an argument.

The scheduler itself, and the simulation that tries it with faults chosen by a seed, drive it with the same calls.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from process_control.core import start_queue
from process_control.core.schedule.agenda import Agenda
from process_control.core.start_queue import Limits, Running, Waits

#: A start that was earlier than its planned time by less counts as on time. As in `state.early_run`, which decides.
MAX_AHEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """What the scheduler has to know of a job."""

    slug: str
    #: names its schedule: equal for equal schedules
    key: Hashable
    #: seconds: how old a planned time may be when its start arrives
    start_within: float
    lock: str
    on_overlap: str = "skip"
    pool: str | None = None
    #: seconds that a start waits for lock and places at most; 0: no limit
    queue_timeout: float = 3600.0


@dataclass(slots=True, kw_only=True)
class Start:
    """One start that is due: it waits for its turn, or it was ordered."""

    number: int
    job: str
    #: its planned time, in UTC seconds; None of a run by hand
    slot: int | None
    #: when it fell due here, in seconds of a clock that nobody sets
    arrived: float
    #: when it was ordered from the launcher, in seconds of its monotonic clock
    ordered: float = 0.0
    #: its process; None until the launcher has reported it
    pid: int | None = None
    #: whether it had to wait for its turn
    was_held: bool = False
    #: who asked for it, by hand
    by: str | None = None
    #: what was asked for besides, such as `force`
    options: Mapping[str, object] = field(default_factory=dict)


class Dispatch:
    """The state of the scheduler. `first`: the number of the first start; later ones count on."""

    def __init__(self, agenda: Agenda, *, first: int = 1) -> None:
        self.agenda = agenda
        self.jobs: dict[str, JobPlan] = {}
        #: starts that wait for their turn, in order of arrival
        self.waiting: list[Start] = []
        #: what each of them waits for
        self.waits: dict[int, Waits] = {}
        #: starts that were ordered and have not ended, by number
        self.live: dict[int, Start] = {}
        #: those of `live` whose run waits for a place in its pool itself, by number: a run of cron, or a follower,
        #: had the last one. They hold none on the host, and those of their pool come after them.
        self.wait_for_their_pool: frozenset[int] = frozenset()
        #: runs that something else has started, or a scheduler before this one, by any key
        self.others: dict[Hashable, Running] = {}
        self.limits = Limits()
        self._next_number = first
        #: the newest planned time of each job that was started, and when that was, by the clock that nobody sets
        self._begun: dict[str, tuple[int, float]] = {}
        self._is_draining = False
        #: when the last look was, by the clock that nobody sets
        self._looked: float | None = None

    def plan(self, jobs: Mapping[str, JobPlan], now: float, *, since: float | None = None) -> None:
        """Take over what the job files say now. What waits keeps its turn, unless its job is gone.

        `since` (UTC seconds): when the files were looked at before. What a changed schedule has planned from then on
        is due: a file may be written just before its time.
        """
        self.jobs = dict(jobs)
        self.agenda.plan({slug: job.key for slug, job in jobs.items()}, now if since is None else min(now, since))
        self._keep_waiting([start for start in self.waiting if start.job in self.jobs])

    def catch_the_last(self, now: float, monotonic: float, claimed: Mapping[str, int | None]) -> None:
        """At the start: let what fell due while no scheduler ran, and is not too old, start now.

        `claimed`: the last planned time of each job that had its run or its skip. One that is still to come was claimed
        while the clock was ahead, and says nothing of those before it.
        """
        known = {job: at for job, at in claimed.items() if at is not None and at <= now + MAX_AHEAD_SECONDS}
        for job, at in known.items():
            if at <= now and (job not in self._begun or self._begun[job][0] < at):
                self._begun[job] = at, monotonic - (now - at)
        waiting = {(start.job, start.slot) for start in self.waiting}
        for slug, slot in self.agenda.last_before(now, self.jobs).items():
            if slot > known.get(slug, 0) and (slug, slot) not in waiting:
                self._arrive(slug, slot, now, monotonic)

    def take_due(self, now: float, monotonic: float) -> list[Start]:
        """Return the starts to order now, oldest planned time first; they are `live` from then on."""
        self._looked = monotonic
        for due in self.agenda.take_due(now):
            for slug in due.jobs:
                self._arrive(slug, due.slot, now, monotonic)
        return self._take_ready(monotonic)

    def rewind(self, now: float, monotonic: float) -> None:
        """Plan anew: the clock was set back. What was started well ahead of its time starts once more then.

        What still waits for its turn, and will fall due again, waits no more. The clock may have been set at any time
        since the last look: what fell due since then by the new one is due.
        """
        looked = monotonic if self._looked is None else self._looked
        since = min(now, looked + now - monotonic)
        self.agenda.rewind(since)
        again = {(start.job, start.slot) for start in self.waiting if (start.slot or 0) > since}
        self._keep_waiting([start for start in self.waiting if (start.job, start.slot) not in again])
        waiting = {(start.job, start.slot) for start in self.waiting}
        offset = now - monotonic + MAX_AHEAD_SECONDS
        self._begun = {
            job: (slot, at)
            for job, (slot, at) in self._begun.items()
            if (job, slot) in waiting or (at + offset >= slot and (job, slot) not in again)
        }

    def by_hand(self, job: str, by: str, monotonic: float, options: Mapping[str, object]) -> Start:
        """Return the start of a run by hand, which waits for nothing here."""
        start = Start(number=self._next_number, job=job, slot=None, arrived=monotonic, by=by, options=options)
        self._next_number += 1
        self.live[start.number] = start
        return start

    def held(self) -> list[Start]:
        """Return the starts that wait for their turn, and those that waited and have no process yet."""
        return [start for start in (*self.live.values(), *self.waiting) if start.was_held and start.pid is None]

    def drain(self) -> None:
        """Start nothing more. What waits for its turn is left to the next scheduler."""
        self._is_draining = True

    @property
    def running(self) -> int:
        """How many runs have not ended, those of a scheduler before this one included."""
        return len(self.live) + len(self.others)

    def forget(self, number: int) -> Start | None:
        """Remove a start that has ended, or that was never made; None for one that is not known."""
        return self.live.pop(number, None)

    def wait_again(self, job: str, slot: int, arrived: float, now: float) -> None:
        """Take over a start that waited for its turn when the scheduler before this one died. Call it in their order.

        `arrived`: when it fell due, by the clock that nobody sets: it is no later for the change of the scheduler. One
        whose time is to come, as the clock was set back since, will be due then.
        """
        if job in self.jobs and slot <= now + MAX_AHEAD_SECONDS and not self._has_begun(job, slot):
            self._begun[job] = slot, arrived
            self._append(job, slot, arrived, was_held=True)

    def _keep_waiting(self, starts: list[Start]) -> None:
        self.waiting = starts
        self.waits = {start.number: self.waits[start.number] for start in starts if start.number in self.waits}

    def _arrive(self, slug: str, slot: int, now: float, monotonic: float) -> None:
        job = self.jobs[slug]
        is_too_old = now - slot > job.start_within
        if self._is_draining or is_too_old or self._has_begun(slug, slot):
            return
        self._begun[slug] = slot, monotonic
        self._append(slug, slot, monotonic)

    def _has_begun(self, slug: str, slot: int) -> bool:
        begun = self._begun.get(slug)
        return begun is not None and begun[0] == slot

    def _append(self, slug: str, slot: int, arrived: float, *, was_held: bool = False) -> None:
        self.waiting.append(Start(number=self._next_number, job=slug, slot=slot, arrived=arrived, was_held=was_held))
        self._next_number += 1

    def _take_ready(self, monotonic: float) -> list[Start]:
        """Return the waiting starts whose turn has come, and note what the others wait for."""
        if not self.waiting or self._is_draining:
            return []
        first: dict[str, int] = {}
        for start in self.waiting:
            first.setdefault(start.job, start.number)
        decision = start_queue.decide(
            [
                self._as_start(start)
                for start in self.waiting
                if not self._needs_no_turn(start, monotonic, is_first=first[start.job] == start.number)
            ],
            [*map(self._as_running, self.live.values()), *self.others.values()],
            self.limits,
        )
        self.waits = {waits.start.arrived: waits for waits in decision.waits}
        ready = [start for start in self.waiting if start.number not in self.waits]
        self.waiting = [start for start in self.waiting if start.number in self.waits]
        for start in self.waiting:
            start.was_held = True
        for start in ready:
            if start.slot is not None and self._has_begun(start.job, start.slot):
                self._begun[start.job] = start.slot, monotonic
        self.live.update((start.number, start) for start in ready)
        return ready

    def _needs_no_turn(self, start: Start, monotonic: float, *, is_first: bool) -> bool:
        """Return whether the run itself is to say what becomes of it: it waited too long, or behind one of its job."""
        job = self.jobs[start.job]
        if job.queue_timeout and monotonic - start.arrived > job.queue_timeout:
            return True
        return not is_first and job.on_overlap != "queue"

    def _as_start(self, start: Start) -> start_queue.Start:
        job = self.jobs[start.job]
        return start_queue.Start(start.job, start.slot, job.lock, job.on_overlap, job.pool, start.number)

    def _as_running(self, start: Start) -> Running:
        job = self.jobs.get(start.job)
        lock, pool = (start.job, None) if job is None else (job.lock, job.pool)
        return Running(start.job, lock, pool, on_host=start.number not in self.wait_for_their_pool)
