"""Wait for a place in a pool or on the host.

Lean module, loaded only when there is none. Of all that wait for the same pool, the one that holds the lock `next`
looks for a place; the others wait in the kernel for that lock, in the order in which they came. It looks when one of
the holders has ended, and once a second besides: the places may also be let go by processes that a run left.

A job has one scheduled start that waits, which holds the lock `waiting`. The next one finds it and does what
`on_overlap` says, as beside a run: else a job that is due every minute would have sixty starts waiting after an hour.
"""

import posix
import select

from process_control.core import layout
from process_control.core.places import beside_a_waiting_start, place_in_words, taken_in_words
from process_control.errors import BY_SIGNAL, RUNNER_KILLED, STOPPED, NotStarted
from process_control.execution.guard import START_SECONDS
from process_control.run.after_a_wait import ask_the_gate_again
from process_control.run.place_locks import Needed, full_in_words, holders_of, note_of, take_all
from process_control.run.refusal import fail, note_waiting, skip
from process_control.run.run import GO, Go, Stop
from process_control.state import places as notes
from process_control.system import lock
from process_control.system.clock import wait_milliseconds
from process_control.system.signals import WaitEnded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.05, 1.0
#: The ends of so many holders are waited for.
MAX_WATCHED = 64


def wait_for_places(run: "Run", world: "World", needed: "list[Needed]", full: Needed) -> Go | Stop:
    """Wait for places, then for the job's lock as `on_overlap` says; return Go when we have all of them."""
    waiting = _Waiting(run, world, needed, full)
    try:
        return waiting.wait()
    finally:
        waiting.leave_the_line()


class _Waiting:
    """A start that waits for places. It holds neither places nor its job's lock meanwhile."""

    __slots__ = ("_asked", "_full", "_is_noted", "_needed", "_next", "_of_its_job", "_run", "_seconds", "_world")

    def __init__(self, run: "Run", world: "World", needed: "list[Needed]", full: Needed) -> None:
        self._run, self._world = run, world
        self._needed, self._full = needed, full
        asked_for = run.request.wait_seconds
        #: 0: without end. A wait for the lock before this one counts, and one in the scheduler.
        self._seconds = run.job.queue_timeout_seconds if asked_for is None else asked_for
        self._asked = world.clock.monotonic() - run.waited_seconds - run.request.queued_seconds
        self._is_noted = False
        #: The locks that show that this is the waiting start of its job, and the next of its pool.
        self._of_its_job: int | None = None
        self._next: int | None = None

    def wait(self) -> Go | Stop:
        run, world = self._run, self._world
        while True:
            answer = self._wait_its_turn()
            if isinstance(answer, Stop):
                return answer
            self.leave_the_line()
            if world.lock.take():
                return ask_the_gate_again(run, world)
            world.lock.give_places_back()
            from process_control.run.overlap import meet_the_holder

            answer = meet_the_holder(run, world)
            self._is_noted = False  # what it waited for last is the lock
            if isinstance(answer, Stop):
                return answer
            full = take_all(run, world, self._needed)
            if full is None:
                return GO
            world.lock.release()
            self._full = full

    def _wait_its_turn(self) -> Go | Stop:
        """Wait until we have the places. All of it counts as waiting for them, from the look that found them taken."""
        asked = self._world.clock.monotonic()
        try:
            answer = self._note()
            if isinstance(answer, Stop) or self._has_places():
                return answer
            return self._not_taken()
        finally:
            self._run.queue_waited_seconds += self._world.clock.monotonic() - asked

    def leave_the_line(self) -> None:
        if self._of_its_job is not None:
            notes.write_note(self._of_its_job, {"job": self._run.job.slug, "over": True})
        for descriptor in (self._next, self._of_its_job):
            if descriptor is not None:
                posix.close(descriptor)
        self._next = self._of_its_job = None

    def _note(self) -> Go | Stop:
        """Record the wait once, and be the one waiting start of the job."""
        run, world = self._run, self._world
        if not run.request.scheduled or run.request.is_catching_up:
            world.people.notifier.say(f"{run.job.slug}: waiting for {self._for_what()}")
            return GO
        name = layout.waiting_start(run.job.slug)
        self._of_its_job = lock.take(world.settings.run_directory, name)
        how = beside_a_waiting_start(run.job.on_overlap)
        if self._of_its_job is None and how != "queue":
            words = f"an earlier start of this job still waits for {self._for_what()}"
            return (fail if how == "fail" else skip)(run, world, "overlap", words)
        self._show_it_waits()  # before the record: whoever has read that finds the start waiting
        if not self._is_noted:
            note_waiting(run, world, self._for_what())
            self._is_noted = True
        if self._of_its_job is None:
            if not self._wait_in_the_kernel(name, "_of_its_job"):
                return self._not_taken()
            self._show_it_waits()
        return GO

    def _show_it_waits(self) -> None:
        """Have the views show this as the waiting start of its job, if it is."""
        if self._of_its_job is not None:
            notes.write_note(self._of_its_job, {**note_of(self._run, self._world), "pool": self._full.pool})

    def _has_places(self) -> bool:
        """Wait for the places; return whether we have them. A signal, and the time limit, end the wait."""
        run, world = self._run, self._world
        if not self._wait_in_the_kernel(layout.next_in_line(self._needed[0].pool), "_next"):
            return False
        seconds = FIRST_PAUSE_SECONDS
        while not world.inbox.stopping:
            full = take_all(run, world, self._needed)
            left = self._left()
            if full is None or left <= 0:
                break
            self._full = full
            self._pause(min(seconds, left))
            seconds = min(2 * seconds, MAX_PAUSE_SECONDS)
        run.started_at = world.clock.now()
        world.guard.end_within(START_SECONDS)
        return bool(world.lock.places)

    def _wait_in_the_kernel(self, name: str, attribute: str) -> bool:
        """Wait for one of the locks of those that wait; return whether we hold it."""
        world, left = self._world, self._left()
        if left <= 0:
            return False
        world.guard.end_within(left + START_SECONDS if self._seconds else None)
        try:
            with world.inbox.interruptible(left if self._seconds else 0):
                setattr(self, attribute, lock.take(world.settings.run_directory, name, wait=True))
        except WaitEnded:
            return False
        return True

    def _left(self) -> float:
        """Return how long this start may wait yet."""
        if not self._seconds:
            return MAX_PAUSE_SECONDS
        return self._seconds - (self._world.clock.monotonic() - self._asked)

    def _pause(self, seconds: float) -> None:
        """Wait until the runner of a holder has ended, a signal has come, or the time is over."""
        poll, handles = select.poll(), []
        poll.register(self._world.inbox.descriptor, select.POLLIN)
        for note in holders_of(self._world, self._full)[:MAX_WATCHED]:
            try:
                handles.append(posix.pidfd_open(int(str(note.get("pid")))))
                poll.register(handles[-1], select.POLLIN)
            except (OSError, ValueError):
                continue  # it has ended: the time limit is enough
        try:
            poll.poll(wait_milliseconds(seconds))
        finally:
            for handle in handles:
                posix.close(handle)
        if not self._world.inbox.stopping:
            self._world.inbox.clear()

    def _for_what(self) -> str:
        held = notes.names_of(holders_of(self._world, self._full))
        return f"{place_in_words(self._full.pool)}: {taken_in_words(len(self._full.names), held)}"

    def _not_taken(self) -> Stop:
        """Skip a scheduled start that waited in vain, or was stopped; refuse one by hand."""
        run, inbox = self._run, self._world.inbox
        if inbox.stopping:
            if run.request.scheduled:
                skip(run, self._world, "overlap", f"stopped while it waited for {self._for_what()}")
            if inbox.guard_died:
                return Stop(RUNNER_KILLED)
            return Stop(STOPPED if inbox.stopped_by is None else BY_SIGNAL + inbox.stopped_by)
        if run.request.scheduled:
            return skip(run, self._world, "overlap", f"waited {self._seconds:g} s for {self._for_what()}")
        words = f"waited {self._seconds:g} s: {full_in_words(self._world, self._full)}"
        return Stop(error=NotStarted(words, where=run.job.slug))
