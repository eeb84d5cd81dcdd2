"""The loop of the scheduler: wait for what comes next, order the starts that are due, and do the chores."""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from process_control.actions.rights import Actor
from process_control.core import layout
from process_control.core.schedule.agenda import Agenda
from process_control.core.schedule.dispatch import Dispatch
from process_control.core.start_queue import Running, Waits
from process_control.errors import NotStarted
from process_control.scheduler.answers import Answers
from process_control.scheduler.handover import Handover
from process_control.scheduler.held_starts import HeldStarts
from process_control.scheduler.looks import Looks
from process_control.scheduler.ordered_starts import OrderedStarts
from process_control.scheduler.orders import Orders
from process_control.scheduler.output import say
from process_control.scheduler.planned_jobs import schedule_of
from process_control.scheduler.plans import Plans, boottime
from process_control.scheduler.records import (
    note_the_drain,
    note_the_end,
    note_the_lag,
    note_the_start,
    who_holds_the_lock,
)
from process_control.state.all_jobs import AllJobs
from process_control.state.claim import settled_slot
from process_control.system.account import group_named
from process_control.system.clock import iso
from process_control.system.lock import take
from process_control.system.service_manager import ServiceManager

#: The wall clock may be set, and a host sleeps: so often the loop looks at it, at least.
MAX_WAIT_SECONDS = 1.0
RELOAD_SECONDS = 10.0
#: A clock that went back by less was corrected, not set.
MIN_STEP_SECONDS = 0.5
LAG_SECONDS = 60.0


class Scheduler:
    """One scheduler, from the lock to its end. Call `run` as the service user.

    `orders`: the socket to the launcher. `wish`: a file in memory that the parent keeps: who asked for a drain.
    """

    def __init__(self, actor: Actor, orders: int, service_manager: ServiceManager, *, wish: int | None = None) -> None:
        self._actor = actor
        self._service_manager = service_manager
        self._settings = actor.settings
        self._orders = Orders(orders)
        self._looks = Looks(actor)
        self._held = HeldStarts(actor)
        self.dispatch = Dispatch(Agenda(schedule_of), first=time.time_ns() // 1000)
        self._began_at = time.time()
        self._is_draining = False
        self._wish = wish
        self._has_more_to_show = False
        self._answers = Answers(self)
        self._handover = Handover(actor.settings)
        self._offset = 0.0
        self._stopping = False
        self._must_reload = False
        self._plans = Plans(actor.settings, self.dispatch, self._notify_of_the_plan)
        self._starts = OrderedStarts(self._orders, self.dispatch, self._answers.report, self._has_ended)
        self._chores: list[tuple[Callable[[], None], float, float]] = []

    def run(self) -> int:
        """Start what is due until TERM or INT comes. Raises NotStarted (75) while another scheduler holds the lock."""
        lock = take(self._settings.run_directory, layout.SCHEDULER_LOCK)
        if lock is None:
            raise NotStarted(who_holds_the_lock(self._settings), where="process-control scheduler")
        woken = self._hear_signals()
        self._plans.plan()
        self._catch_the_last()
        note_the_start(self._actor, self._began_at)
        group = group_named(self._settings.read_group) if self._settings.read_group else None
        self._answers.open(layout.scheduler_socket(self._settings.run_directory), group=group)
        self._handover.open()
        if self._wish is not None and (by := os.pread(self._wish, 256, 0).decode()):
            self.drain(by=by)  # the one before was asked to, and has died
        self._service_manager.notify(f"READY=1\nSTATUS={self._plans.in_words()}")
        say(f"started: {self._plans.in_words()}")
        try:
            self._loop(woken)
        finally:
            self._answers.close()
            self._handover.close()
        self._service_manager.notify("STOPPING=1")
        self._looks.end()
        note_the_end(self._actor, time.time())
        say(f"ended: {_runs(self.dispatch.running, 'continue', 'continues')}" if self.dispatch.running else "ended")
        os.close(lock)
        return 0

    def _loop(self, woken: int) -> None:
        self._offset = time.time() - boottime()
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        self._plan_the_chores()
        while not self._stopping:
            self._order_what_is_due()
            self._do_the_chores()
            poll.register(self._orders.descriptor, select.POLLIN | (select.POLLOUT if self._orders.has_unsent else 0))
            watched = self._answers.descriptors() | self._starts.guards.descriptors() | self._handover.descriptors()
            for descriptor, events in watched.items():
                poll.register(descriptor, events)
            found = poll.poll(self._milliseconds())
            for descriptor in watched:
                poll.unregister(descriptor)
            for descriptor, events in found:
                self._handle(descriptor, events, woken)

    def _handle(self, descriptor: int, events: int, woken: int) -> None:
        if descriptor == woken:
            os.read(woken, 512)
        elif descriptor == self._orders.descriptor:
            if events & select.POLLOUT:
                self._orders.flush()
            for report in self._orders.received():
                self._starts.take_report(report)
            if self._orders.is_closed:  # as the kernel does it: no end is recorded
                os.kill(os.getpid(), signal.SIGKILL)
        elif not self._starts.guards.handle(descriptor) and not self._handover.handle(descriptor):
            self._answers.handle(descriptor)

    def _milliseconds(self) -> int:
        """Return how long to wait: to the next planned time, and never so long that a step of the clock is missed."""
        if self._has_more_to_show:
            return 0
        next_at = self.dispatch.agenda.next_at
        seconds = MAX_WAIT_SECONDS if next_at is None else min(MAX_WAIT_SECONDS, max(0.0, next_at - time.time()))
        return int(seconds * 1000) + 1

    # --- starts -----------------------------------------------------------------------------------------------------

    def _order_what_is_due(self) -> None:
        now, monotonic = time.time(), boottime()
        offset = now - monotonic
        if offset < self._offset - MIN_STEP_SECONDS:
            say(f"the clock was set back by {self._offset - offset:.0f} s")
            self.dispatch.rewind(now, monotonic)
        self._offset = offset
        starts = self.dispatch.take_due(now, monotonic)
        self._held.let_go(self.dispatch.waits.values())
        for start in starts:
            self._starts.order(start, queued=monotonic - start.arrived if start.was_held else 0.0)
        started = {start.job for start in self.dispatch.live.values()} if self.dispatch.waits else set()
        self._has_more_to_show = self._held.show(self.dispatch.waits.values(), now, started=started)
        self._held.keep(self.dispatch.held())

    def _see_who_waits_for_a_pool(self) -> None:
        self.dispatch.wait_for_their_pool = self._held.waiting_for_their_pool(self.dispatch)

    def _has_ended(self, is_ours: bool) -> None:
        if is_ours:
            self._handover.note_that_the_journal_grows()
        if self._is_draining and not self.dispatch.running:
            self._answers.say_that_it_is_drained()

    def drain(self, *, by: str) -> int:
        """Start nothing more, until people start the scheduler again; return how many runs have not ended."""
        if self._wish is not None:
            os.pwrite(self._wish, by.encode(), 0)
        if not self._is_draining:
            note_the_drain(self._actor, time.time(), by=by)
        self._is_draining = True
        self.dispatch.drain()
        say(f"draining: {_runs(self.dispatch.running, 'have not ended', 'has not ended')}")
        self._service_manager.notify("STATUS=draining")
        return self.dispatch.running

    def order_by_hand(self, job: str, *, by: str, options: Mapping[str, object]) -> dict[str, Any]:
        """Start a run by hand. Raises NotStarted (75) while draining."""
        if self._is_draining:
            raise NotStarted("the scheduler is draining: it starts nothing more", where=job)
        return self._starts.order_by_hand(job, by=by, options=options)

    def is_configured_by(self, path: str | None) -> bool:
        """Return whether this is our configuration file; None: there is none."""
        ours = self._settings.path
        return path == ours or (bool(path and ours) and os.path.realpath(str(path)) == os.path.realpath(str(ours)))

    def may_read(self, groups: frozenset[int]) -> bool:
        """Return whether one of these groups is the `read_group`."""
        group = group_named(self._settings.read_group) if self._settings.read_group else None
        return group is not None and group in groups

    def status(self) -> dict[str, Any]:
        """Return what runs, what waits and how late starts were, for JSON."""
        return {
            "pid": os.getpid(),
            "since": iso(self._began_at),
            "jobs": len(self.dispatch.jobs),
            "draining": self._is_draining,
            "running": [
                {"job": start.job, "slot": None if start.slot is None else iso(start.slot), "pid": start.pid}
                for start in self.dispatch.live.values()
            ]
            + [{"job": run.job, "slot": None, "pid": -int(str(key))} for key, run in self.dispatch.others.items()],
            "waiting": [self._waiting_in_json(waits) for waits in self.dispatch.waits.values()],
            "lag": self._starts.lag(),
        }

    def _waiting_in_json(self, waits: Waits) -> dict[str, Any]:
        return {
            "job": waits.start.job,
            "slot": None if waits.start.slot is None else iso(waits.start.slot),
            "why": waits.why,
            "position": waits.position,
            "detail": self._held.in_words(waits),
        }

    # --- chores -----------------------------------------------------------------------------------------------------

    def _plan_the_chores(self) -> None:
        """Set what is to be done how often, in seconds."""
        self._chores = [(self._plans.reload_when_changed, RELOAD_SECONDS, boottime() + RELOAD_SECONDS)]
        self._chores.append((self._starts.forget_lost_ones, RELOAD_SECONDS, boottime() + RELOAD_SECONDS))
        self._chores.append(
            (lambda: note_the_lag(self._actor, self._starts.lag()), LAG_SECONDS, boottime() + LAG_SECONDS)
        )
        self._chores.append((self._starts.guards.look_for_the_others, RELOAD_SECONDS, 0.0))
        self._chores.append((self._see_who_waits_for_a_pool, MAX_WAIT_SECONDS, 0.0))
        self._chores.append((self._starts.order_the_failed, MAX_WAIT_SECONDS, 0.0))
        self._chores.append((self._looks.take_when_due, MAX_WAIT_SECONDS, 0.0))
        self._chores.append(
            (lambda: self._handover.do_each_second(ordered=self._starts.last_ordered), MAX_WAIT_SECONDS, 0.0)
        )
        every = self._service_manager.watchdog_seconds
        if every is not None:
            self._chores.append((lambda: self._service_manager.notify("WATCHDOG=1"), every / 3, 0.0))

    def _do_the_chores(self) -> None:
        if self._must_reload:
            self._must_reload = False
            self.reload()
        now = boottime()
        for number, (chore, every, due_at) in enumerate(self._chores):
            if now >= due_at:
                self._chores[number] = (chore, every, now + every)
                chore()

    def reload(self) -> int:
        """Read the job files again; return how many jobs are planned. What cannot be read leaves the plan as it is."""
        self._plans.reload()
        return len(self.dispatch.jobs)

    def _notify_of_the_plan(self) -> None:
        self._service_manager.notify(f"STATUS={self._plans.in_words()}")

    def _catch_the_last(self) -> None:
        """Find what runs already, what waited for its turn, and what fell due while no scheduler ran."""
        claimed: dict[str, int | None] = {}
        with AllJobs(self._settings.state_directory) as jobs:
            for slug in self.dispatch.jobs:
                # A time whose start was killed before its run may be claimed again; of one that waits that is in vain.
                claimed[slug] = settled_slot(self._settings.state_directory, slug)
                _, block = jobs.slot_and_running(slug)
                if block is not None:
                    self._watch_other_run(slug, block)
        for slot, slug, arrived in self._held.left_by_the_one_before():
            self.dispatch.wait_again(slug, slot, arrived, time.time())  # one that has begun claims its time in vain
        self.dispatch.catch_the_last(time.time(), boottime(), claimed)

    def _watch_other_run(self, slug: str, block: dict[str, Any]) -> None:
        """Count a run that was there before this scheduler, until its runner has ended."""
        pid, job = block.get("pid"), self.dispatch.jobs[slug]
        if isinstance(pid, int) and pid > 0:  # as a number it is none of ours
            self.dispatch.others[-pid] = Running(slug, str(block.get("lock") or job.lock), job.pool)
            self._starts.guards.watch(-pid, pid)

    def _hear_signals(self) -> int:
        """Return the descriptor that becomes readable with a signal."""
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

        def stop(_number: int, _frame: object) -> None:
            self._stopping = True

        def reload(_number: int, _frame: object) -> None:
            self._must_reload = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reload)
        return woken


def _runs(count: int, do: str, does: str) -> str:
    return f"1 run {does}" if count == 1 else f"{count} runs {do}"
