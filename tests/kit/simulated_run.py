"""A run on a simulated host: guard and runner, as run_job, slot, overlap, place_queue and follow of run/ do it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kit.simulated_host import Host, Process, Written
from kit.simulated_rules import fates
from process_control.core.chain import CAUSE_MISSING, SKIP, WAIT, decide
from process_control.core.places import beside_a_waiting_start
from process_control.core.skips import OVERLAP, TOO_LATE

if TYPE_CHECKING:
    from kit.simulated_processes import Launcher

LOCK, PLACE = "lock", "place"


class Run(Process):
    """A guard with its runner: it claims the planned time, takes lock and places, runs, ends, and starts what follows.

    `queued`: how long the scheduler has held it back, in seconds.
    """

    def __init__(
        self, host: Host, job: str, slot: int, *, by: str, of: "tuple[Launcher, int] | None" = None,
        queued: float = 0.0, is_following: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(host)
        self.job, self.slot, self.by, self._of = job, slot, by, of
        self.rule = host.rules[job]
        self._is_following = is_following
        self._asked = host.monotonic - queued
        self._queued = queued
        self.wrote: Written | None = None
        #: LOCK or PLACE, while it waits for one
        self.waits_for: str | None = None
        #: what is called when it has ended
        self.watchers: list[Callable[[], object]] = []
        #: that of its order
        self.number = 0 if of is None else of[1]
        host.runs.append(self)
        slow = host.dice.random() < 0.05
        self.soon(host.dice.uniform(0.005, 1.5 if slow else 0.1), self._claim)

    @property
    def has_begun(self) -> bool:
        return self.wrote is not None and self.wrote.has_run and self.wrote.ended is None

    @property
    def waits_for_its_pool(self) -> bool:
        """Return whether it waits itself, and there is no place in its pool."""
        pool, locks = self.rule.pool, self.host.locks
        limit = None if pool is None else self.host.places_in(pool)
        return self.waits_for == PLACE and limit is not None and len(locks.places[pool]) >= limit

    # --- before it begins --------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        host = self.host
        if host.disk_is_full or not host.is_valid(self.job):
            if not (self._is_following and host.is_valid(self.job)):  # a look starts it again
                host.causes.add((self.job, self.slot))
            self._end()
        elif self._is_following:
            self._claim_as_a_follower()
        elif not host.claims(self.job, self.slot):
            self._end()
        else:
            self._write()
            if host.now - self.slot - self._queued > host.versions[self.job][-1].start_within:
                self._skip(TOO_LATE)
            else:
                self._take_the_lock()

    def _claim_as_a_follower(self) -> None:
        host = self.host
        what, _ = decide(fates(host, self.job, self.slot))
        known = [each for each in host.written_of(self.job, self.slot) if not each.was_forgotten]
        if what != SKIP:
            known = [each for each in known if each.reason != CAUSE_MISSING]
        if what == WAIT or (known and "claim" not in host.without):
            self._end()
            return
        self._write()
        if what == SKIP:
            self._skip(CAUSE_MISSING)
        else:
            self._take_the_lock()

    def _write(self) -> None:
        now = self.host.monotonic
        self.wrote = Written(self.job, self.slot, now, self.by, claimed=now, waits=True)
        self.host.writes(self.wrote)

    def _skip(self, reason: str) -> None:
        wrote = self._written
        wrote.waits, wrote.skipped, wrote.reason, wrote.began = False, True, reason, self.host.monotonic
        self.waits_for = None
        self.host.record(wrote, None)
        self.soon(0.01, self._lead_on)

    @property
    def _written(self) -> Written:
        if self.wrote is None:
            raise AssertionError("it has claimed nothing")
        return self.wrote

    def _take_the_lock(self) -> None:
        if self.host.locks.take_job(self):
            self._take_the_places()
        elif self.rule.on_overlap == "queue":
            self._wait(LOCK)
        else:
            self._skip(OVERLAP)

    def _take_the_places(self) -> None:
        """Take the places, with the lock held; else wait for them without it."""
        locks = self.host.locks
        if locks.take_places(self):
            self._begin()
            return
        locks.let_job_go(self)
        is_beside = any(run is not self and run.job == self.job and run.waits_for == PLACE for run in self.host.runs)
        if (is_beside or self._is_held_back()) and beside_a_waiting_start(self.rule.on_overlap) != "queue":
            self._skip(OVERLAP)
        else:
            self._wait(PLACE)
        self.host.let_the_waiting_look()

    def _is_held_back(self) -> bool:
        """Return whether the scheduler has the lock of this job's waiting start: it holds one back, and none began."""
        parent = self.host.parent
        scheduler = None if parent is None or not parent.lives else parent.scheduler
        if scheduler is None or not scheduler.lives:
            return False
        waiting = any(start.job == self.job for start in scheduler.dispatch.waiting)
        has_begun = any(start.job == self.job for start in scheduler.dispatch.live.values())
        return waiting and ("line" in self.host.without or not has_begun)

    def _wait(self, what: str) -> None:
        self.waits_for = what
        left = self.rule.queue_timeout - (self.host.monotonic - self._asked)
        self.soon(max(0.001, left), lambda: self._skip(OVERLAP) if self.waits_for is not None else None)

    def look_again(self) -> None:
        """Take what it waits for, if that is free and nobody came before."""
        what, locks = self.waits_for, self.host.locks
        if what is None or self._is_behind_another(what):
            return
        if what == LOCK:
            if locks.take_job(self):
                self.waits_for = None
                self._take_the_places()
        elif not self._is_held_back() and locks.take_places(self):
            self.waits_for = None
            if locks.take_job(self):
                self._begin()
            else:
                locks.let_places_go(self)
                self._take_the_lock()

    def _is_behind_another(self, what: str) -> bool:
        before = self.host.runs[: self.host.runs.index(self)]
        same = [run for run in before if run.waits_for == what]
        return any(
            run.job == self.job or (what == PLACE and run.rule.pool == self.rule.pool and not run._is_held_back())
            for run in same
        )

    # --- from its begin to its end -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        wrote, dice = self._written, self.host.dice
        self.host.settle(self.job)
        wrote.waits, wrote.began = False, self.host.monotonic
        self.soon(dice.choice((0.05, 1.0, 20.0, 100.0, 400.0)), self._record_the_end)

    def _record_the_end(self) -> None:
        dice, wrote = self.host.dice, self._written
        wrote.ended = self.host.monotonic
        self.host.record(wrote, "failed" if dice.random() < 0.2 else "succeeded")
        self._let_go()
        self.soon(dice.choice((0.005, 0.02, 3.0)), self._lead_on)

    def _lead_on(self) -> None:
        for follower in self.host.followers_of(self.job):
            self.host.start_follower(follower, self.slot)
        self._end()

    def _let_go(self) -> None:
        self.host.locks.let_job_go(self)
        self.host.locks.let_places_go(self)
        self.host.let_the_waiting_look()

    def _end(self) -> None:
        self.lives = False
        self.waits_for = None
        self.host.runs.remove(self)
        self._let_go()
        for call in self.watchers:
            call()
        if self._of is not None and self._of[0].lives:
            self._of[0].report({"what": "ended", "number": self._of[1]})

    def kill(self) -> None:
        """Kill guard and runner: what was not recorded is found by somebody else."""
        wrote = self.wrote
        if not self._is_following:
            self.host.causes.add((self.job, self.slot))
        if wrote is not None and wrote.waits:
            wrote.waits, wrote.was_forgotten = False, True
        elif wrote is not None and wrote.has_run and wrote.ended is None:
            wrote.ended = self.host.monotonic
            self.host.leave_unsettled(wrote)
        self._end()
