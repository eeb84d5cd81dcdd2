"""The processes of a simulated scheduler: parent, scheduler and launcher, which do as theirs do and may be killed.

What decides is the real `Dispatch` with its `Agenda`; the others follow scheduler/loop.py, entry/scheduler.py and
cli/run_job/launcher.py.
"""

from collections import deque
from typing import Any

from kit.known_slots import known_slots
from kit.simulated_host import EARLY_SECONDS, Host, Process
from kit.simulated_run import Run
from process_control.core.schedule.agenda import Agenda
from process_control.core.schedule.dispatch import Dispatch, Start
from process_control.core.start_queue import Running
from process_control.scheduler.looks import LOOK_SECONDS
from process_control.scheduler.ordered_starts import LOST_ORDER_SECONDS

MIN_STEP_SECONDS = 0.5


class Parent(Process):
    """It starts the two, and starts again the one that died, later when it died soon."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.scheduler: Scheduler | None = None
        self.launcher: Launcher | None = None
        self.orders: deque[Start] = deque()
        self.reports: deque[dict[str, Any]] = deque()
        self._delays: dict[type[Process], float] = {}
        self._began: dict[type[Process], float] = {}
        for kind in (Launcher, Scheduler):
            self._start(kind)

    def _start(self, kind: type[Process]) -> None:
        self._began[kind] = self.host.monotonic
        if kind is Launcher:
            self.launcher = Launcher(self)
        else:
            self.scheduler = Scheduler(self)

    def kill_child(self, child: "Scheduler | Launcher | None") -> None:
        if child is None or not child.lives or not self.lives:
            return
        child.lives = False
        kind = type(child)
        lived = self.host.monotonic - self._began[kind]
        delay = 0.0 if lived >= 5 else min(max(2 * self._delays.get(kind, 0.0), 0.1), 5.0)
        self._delays[kind] = delay
        self.soon(delay + 0.001, lambda: self._start(kind))

    def kill(self, *, comes_again: bool = True) -> None:
        """Both die with it; the service manager starts another one."""
        if not self.lives:
            return
        self.lives = False
        for child in (self.scheduler, self.launcher):
            if child is not None:
                child.lives = False
        if comes_again:
            self.host.at(self.host.monotonic + self.host.dice.uniform(0.1, 3), self.host.start_parent)


class Scheduler(Process):
    """The loop around the real Dispatch."""

    is_ready = False

    def __init__(self, parent: Parent) -> None:
        super().__init__(parent.host)
        self.parent = parent
        self.number = self.host.count()
        self.dispatch = Dispatch(Agenda(known_slots), first=self.number * 100_000)
        self._known_offset = 0.0
        self._wakes = 0
        self.soon(self.host.dice.uniform(0.1, 2.0), self._begin)

    def _begin(self) -> None:
        host = self.host
        self.is_ready = True
        host.begins.append(host.monotonic)
        self.dispatch.limits = host.limits
        self.dispatch.plan(host.plans(), host.now)
        claimed = host.claimed()
        for run in host.runs:
            if run.has_begun:
                self._watch(run)
        for slot, job, arrived in () if "held" in host.without else self._left_by_the_one_before():
            if job not in self.dispatch.jobs:
                host.causes.add((job, slot))
            elif slot > host.now + EARLY_SECONDS:
                host.withdrawn[job, slot] = host.monotonic
            self.dispatch.wait_again(job, slot, arrived, host.now)
        self.dispatch.catch_the_last(host.now, host.monotonic, claimed)
        self._known_offset = host.offset
        self._look_of_watch()
        self.look()

    def _left_by_the_one_before(self) -> list[tuple[int, str, float]]:
        """Return what was held back: after another boot when it arrived is known by the clock that may be set."""
        host, (boot, offset) = self.host, self.host.held_by
        shift = 0.0 if boot == host.boot else offset - host.offset
        return sorted((slot, job, min(host.monotonic, arrived + shift)) for slot, job, arrived in host.held)

    def _watch(self, run: Run) -> None:
        """Count a run that was there before this scheduler, until it has ended."""
        self.dispatch.others[run] = Running(run.job, run.job, run.rule.pool)
        run.watchers.append(lambda: self.soon(0.001, lambda: self._has_ended(run)))

    def _has_ended(self, run: Run) -> None:
        self.dispatch.others.pop(run, None)
        self.look()

    def _meet_a_new_launcher(self, at: float) -> None:
        """Order again what the one before may not have started, and watch what it did start."""
        runs = {run.number: run for run in self.host.runs}
        for start in list(self.dispatch.live.values()):
            if start.pid is None and start.ordered < at:
                self._order(start)
            elif start.pid is not None and start.number not in runs:
                self.dispatch.forget(start.number)
            elif start.pid is not None:
                self._watch_started(start.number, runs[start.number])

    def _watch_started(self, number: int, run: Run) -> None:
        run.watchers.append(lambda: self.dispatch.forget(number))
        run.watchers.append(lambda: self.soon(0.001, self.look))

    def _forget_lost_orders(self) -> None:
        for start in list(self.dispatch.live.values()):
            if start.pid is None and self.host.monotonic - start.ordered > LOST_ORDER_SECONDS:
                self.host.causes.add((start.job, start.slot or 0))
                self.dispatch.forget(start.number)

    def _look_of_watch(self) -> None:
        self._forget_lost_orders()
        self.host.looks.take()
        self.soon(LOOK_SECONDS, self._look_of_watch)

    def reload(self, changed: float) -> None:
        """Read the files again. `changed`: when one was written; the look before was at most so long before it."""
        if self.is_ready:
            since = self.host.now - (self.host.monotonic - changed)
            waiting = self.dispatch.waiting
            self.dispatch.plan(self.host.plans(), self.host.now, since=since)
            self.host.causes |= {(each.job, each.slot or 0) for each in waiting if each not in self.dispatch.waiting}
            self._sleep()

    def look(self) -> None:
        host = self.host
        if not self.is_ready:
            return
        if host.offset < self._known_offset - MIN_STEP_SECONDS and "rewind" not in host.without:
            waiting = self.dispatch.waiting
            self.dispatch.rewind(host.now, host.monotonic)
            gone = [each for each in waiting if each not in self.dispatch.waiting]
            host.withdrawn |= {(each.job, each.slot or 0): host.monotonic for each in gone}
        self._known_offset = host.offset
        if "begun" in host.without:
            self.dispatch._begun.clear()
        while self.parent.reports:
            self._take(self.parent.reports.popleft())
        if "own waits" not in host.without:
            self.dispatch.wait_for_their_pool = frozenset(run.number for run in host.runs if run.waits_for_its_pool)
        starts = self.dispatch.take_due(host.now, host.monotonic)
        self._note_what_is_held()
        for start in starts:
            host.orders.append((self.number, start.number, start.job, start.slot or 0, host.monotonic))
            self._order(start)
        self._sleep()

    def _note_what_is_held(self) -> None:
        """Keep the waiting starts in their file, as HeldStarts does."""
        was = self.host.held
        self.host.hold([(each.slot or 0, each.job, each.arrived) for each in self.dispatch.held()])
        if was != self.host.held:
            self.host.let_the_waiting_look()

    def _sleep(self) -> None:
        """Wake up at the next planned time, if nothing else has woken us before."""
        self._wakes += 1
        wake = self._wakes
        if (next_at := self.dispatch.agenda.next_at) is not None:
            seconds = max(0.0, next_at - self.host.now) + self.host.dice.random() * 0.005
            self.soon(seconds, lambda: self.look() if wake == self._wakes else None)

    def _order(self, start: Start) -> None:
        start.ordered = self.host.monotonic
        self.parent.orders.append(start)
        if self.parent.launcher is not None:
            self.parent.launcher.poke()

    def _take(self, report: dict[str, Any]) -> None:
        if "launcher" in report:
            self._meet_a_new_launcher(report["at"])
            return
        start = self.dispatch.live.get(report["number"])
        if start is not None and report["what"] == "started":
            start.pid = 1
        elif start is not None:
            self.dispatch.forget(start.number)


class Launcher(Process):
    """It takes an order from the socket, forks, and reports; between any two of these it may die."""

    is_ready = False

    def __init__(self, parent: Parent) -> None:
        super().__init__(parent.host)
        self.parent = parent
        self._is_busy = False
        self.soon(self.host.dice.uniform(0.05, 0.5), self._begin)

    def _begin(self) -> None:
        self.is_ready = True
        self.report({"launcher": 1, "at": self.host.monotonic})
        self.poke()

    def report(self, report: dict[str, Any]) -> None:
        self.parent.reports.append(report)
        scheduler = self.parent.scheduler
        if scheduler is not None:
            scheduler.soon(0.001, scheduler.look)

    def poke(self) -> None:
        if self.is_ready and not self._is_busy and self.parent.orders:
            self._is_busy = True
            self.soon(self.host.dice.random() * 0.01, self._read)

    def _read(self) -> None:
        if not self.parent.orders:
            self._is_busy = False
            return
        start = self.parent.orders.popleft()
        self.soon(self.host.dice.random() * 0.01, lambda: self._fork(start))

    def _fork(self, start: Start) -> None:
        if self.host.forks_fail:
            self.host.causes.add((start.job, start.slot or 0))
            self.report({"what": "failed", "number": start.number})
        else:
            queued = self.host.monotonic - start.arrived if start.was_held else 0.0
            of = (self, start.number)
            Run(self.host, start.job, start.slot or 0, by=f"order {start.number}", of=of, queued=queued)
            self.soon(0.0005, lambda: self.report({"what": "started", "number": start.number}))
        self._is_busy = False
        self.poke()
