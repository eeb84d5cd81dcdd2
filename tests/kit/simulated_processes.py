"""The processes of a simulated host: parent, scheduler, launcher and runs, which do as theirs do and may be killed.

What decides is the real `Dispatch` with its `Agenda`; the others follow scheduler/loop.py, entry/scheduler.py,
cli/run_job/launcher.py and run/slot.py.
"""

from collections import deque
from typing import Any

from kit.simulated_host import VALID, Host, Process, Written, schedule_of
from process_control.core.schedule.agenda import Agenda
from process_control.core.schedule.dispatch import Dispatch, Start

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
        self.dispatch = Dispatch(Agenda(schedule_of), first=self.number * 100_000)
        self._known_offset = 0.0
        self._wakes = 0
        self.soon(self.host.dice.uniform(0.1, 2.0), self._begin)

    def _begin(self) -> None:
        host = self.host
        self.is_ready = True
        host.begins.append(host.monotonic)
        self.dispatch.plan(host.plans(), host.now)
        self.dispatch.catch_the_last(host.now, host.monotonic, host.claimed())
        self._known_offset = host.offset
        self.look()

    def reload(self, changed: float) -> None:
        """Read the files again. `changed`: when one was written; the look before was at most so long before it."""
        if self.is_ready:
            since = self.host.now - (self.host.monotonic - changed)
            self.dispatch.plan(self.host.plans(), self.host.now, since=since)
            self._sleep()

    def look(self) -> None:
        host = self.host
        if not self.is_ready:
            return
        if host.offset < self._known_offset - MIN_STEP_SECONDS and "rewind" not in host.without:
            self.dispatch.rewind(host.now, host.monotonic)
        self._known_offset = host.offset
        if "begun" in host.without:
            self.dispatch._begun.clear()
        while self.parent.reports:
            self._take(self.parent.reports.popleft())
        for start in self.dispatch.take_due(host.now, host.monotonic):
            host.orders.append((self.number, start.number, start.job, start.slot or 0, host.monotonic))
            self._order(start)
        self._sleep()

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
            for start in list(self.dispatch.live.values()):
                if start.pid is None and start.ordered < report["at"]:
                    self._order(start)
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
            Run(self.host, start.job, start.slot or 0, by=f"order {start.number}", of=(self, start.number))
            self.soon(0.0005, lambda: self.report({"what": "started", "number": start.number}))
        self._is_busy = False
        self.poke()


class Run(Process):
    """A guard with its runner: it claims the planned time, takes the lock, runs and ends."""

    def __init__(self, host: Host, job: str, slot: int, *, by: str, of: "tuple[Launcher, int] | None" = None) -> None:
        super().__init__(host)
        self.job, self.slot, self.by, self._of = job, slot, by, of
        self.wrote: Written | None = None
        host.runs.append(self)
        slow = host.dice.random() < 0.05
        self.soon(host.dice.uniform(0.005, 1.5 if slow else 0.1), self._claim)

    def _claim(self) -> None:
        host = self.host
        if host.disk_is_full or host.versions[self.job][-1].state != VALID:
            host.causes.add((self.job, self.slot))
            self._end()
        elif not host.claims(self.job, self.slot):
            self._end()
        else:
            self.wrote = Written(self.job, self.slot, host.monotonic, self.by)
            self.wrote.skipped = any(
                run.wrote is not None and not run.wrote.skipped and run.job == self.job
                for run in host.runs
                if run is not self
            )
            host.writes(self.wrote)
            self.soon(0.01 if self.wrote.skipped else host.dice.choice((0.05, 1.0, 20.0, 100.0)), self._end)

    def _end(self) -> None:
        self.lives = False
        self.host.runs.remove(self)
        if self.wrote is not None:
            self.wrote.ended = self.host.monotonic
        if self._of is not None and self._of[0].lives:
            self._of[0].report({"what": "ended", "number": self._of[1]})

    def kill(self) -> None:
        self.host.causes.add((self.job, self.slot))
        self._end()
