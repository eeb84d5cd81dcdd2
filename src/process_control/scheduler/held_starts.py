"""Starts that the scheduler holds back until their turn: what journal, state and run directory say of them.

A record `waiting` makes the planned time `due` in the ledger. A start that waits by itself has the lock `waiting` of
its job, with a note in its file; so has one that the scheduler holds back. So a start of cron beside it does what
`on_overlap` says, and the views show it. One file has all of them, for the next scheduler when this one was killed.
"""

import json
import os
import time
from collections.abc import Container, Iterable, Sequence

from process_control.actions.rights import Actor
from process_control.core import layout
from process_control.core.facts import SCHEDULER
from process_control.core.job import is_slug
from process_control.core.places import in_the_queue, place_in_words, taken_in_words
from process_control.core.schedule.dispatch import Dispatch, Start
from process_control.core.start_queue import LOCK, POOL, Waits
from process_control.errors import ProcessControlError
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.scheduler.plans import boottime
from process_control.state import places as notes
from process_control.state.block import Identity
from process_control.system import atomic_file, lock, proc
from process_control.system.clock import iso
from process_control.system.json_text import decode

#: How many are recorded, with one wait for the disk, before the loop has its turn again.
AT_ONCE = 50
#: So many locks are held at most: each needs a descriptor, of which most processes have 1,024.
MAX_LOCKS = 500
_MAX_BYTES = 1 << 24


class HeldStarts:
    """The notes of the starts that wait, one a job: the oldest."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._settings = actor.settings
        self._identity = Identity()
        self._pid_start = proc.start_time(os.getpid()) or 0
        #: what was recorded, by the number of the start
        self._recorded: set[int] = set()
        #: number of the start and descriptor of the lock, by job; None where there are too many
        self._held: dict[str, tuple[int, int | None]] = {}
        #: what the file says
        self._kept: dict[str, list[list[float]]] | None = None

    def keep(self, starts: Iterable[Start]) -> None:
        """Write the starts that wait, for the next scheduler. Never raises: no start depends on it."""
        held: dict[str, list[list[float]]] = {}
        for start in starts:
            if start.slot is not None:
                held.setdefault(start.job, []).append([start.slot, round(start.arrived, 3)])
        if held == self._kept:
            return
        value = {"boot_id": self._identity.boot_id, "offset": time.time() - boottime(), "starts": held}
        try:
            path = layout.held_starts(self._settings.state_directory)
            text = json.dumps(value, separators=(",", ":"))  # thousands may wait, and each change is written
            atomic_file.write_unsynced(path, text.encode("ascii"), mode=0o640)
            self._kept = held
        except OSError:  # a full disk: the next change is written again
            self._kept = None

    def let_go(self, waits: Iterable[Waits]) -> None:
        """Let go what waits no more. Call it before the orders: a run takes the lock of its note."""
        waiting = {each.start.arrived for each in waits}
        self._recorded &= waiting
        for job, (number, descriptor) in list(self._held.items()):
            if number not in waiting:
                del self._held[job]
                again = self._take(job) if descriptor is None else descriptor
                if again is not None:
                    notes.write_note(again, {"job": job, "over": True})
                    os.close(again)

    def show(self, waits: Iterable[Waits], now: float, *, started: Container[str]) -> bool:
        """Record some of what began to wait; return whether more is left. Never raises: no start depends on it.

        Each costs a write to the disk, and thousands may begin to wait at once: starts must not be late for that.
        `started`: the jobs with a run or an ordered start. Such a one may have to wait for a place itself, which needs
        the lock, and what waits here comes after it: its note is written, and the lock let go.
        """
        new: list[Waits] = []
        has_more = False
        for each in waits:
            if each.start.arrived not in self._recorded:
                if len(new) == AT_ONCE:
                    has_more = True
                    break
                new.append(each)
            if each.start.job not in self._held:
                self._hold(each, now, is_started=each.start.job in started)
        self._recorded |= {each.start.arrived for each in new}
        self._record(new, now)
        return has_more

    def waiting_for_their_pool(self, dispatch: Dispatch) -> frozenset[int]:
        """Return the numbers of the ordered starts whose runs wait themselves for a place in their pool.

        Asked only while other starts wait here for a place on the host. What was ordered after a start that waits
        waits behind it, and has no note.
        """
        if self._settings.max_concurrent is None or not dispatch.waits:
            return frozenset()
        first: dict[str, int] = {}
        pools = {slug: job.pool for slug, job in dispatch.jobs.items() if job.pool is not None}
        started = [start for start in dispatch.live.values() if start.pid is not None and start.job in pools]
        for start in started:
            note = notes.waiting_start(self._settings.run_directory, start.job, self._identity)
            if note is not None and note.get("guard_pid") == start.pid and note.get("pool") == pools[start.job]:
                first[start.job] = min(start.number, first.get(start.job, start.number))
        return frozenset(start.number for start in started if start.number >= first.get(start.job, start.number + 1))

    def left_by_the_one_before(self) -> list[tuple[int, str, float]]:
        """Return each start that a killed scheduler has held back: planned time, job, and when it arrived; in order.

        After another boot when it arrived is known by the clock that may be set.
        """
        text = proc.read_small(layout.held_starts(self._settings.state_directory), _MAX_BYTES)
        try:
            value = decode(text.decode("ascii", "replace"))
            known: dict[str, list[tuple[int, float]]] = value["starts"]  # type: ignore[index]  # or TypeError
            is_of_this_boot = value["boot_id"] == self._identity.boot_id  # type: ignore[index]
            now = boottime()
            shift = 0.0 if is_of_this_boot else float(value["offset"]) + now - time.time()  # type: ignore[index]
            return sorted(
                (int(slot), job, min(now, float(arrived) + shift))
                for job, starts in known.items()
                for slot, arrived in starts
                if is_slug(job)
            )
        except (ValueError, TypeError, KeyError, AttributeError):  # not written by us
            return []

    def _record(self, waits: Sequence[Waits], now: float) -> None:
        records = [self._as_record(each, now) for each in waits]
        if not records:
            return
        try:
            journal.append_all(self._settings.state_directory, records)
        except (ProcessControlError, OSError):
            pass
        for record in records:
            announce(self._settings, record)

    def _as_record(self, waits: Waits, now: float) -> dict[str, object]:
        return {
            "event": "waiting",
            "at": iso(now),
            "job": waits.start.job,
            "trigger": SCHEDULER,
            "by": self._actor.by,
            "host": self._actor.host,
            "scheduled_at": iso(waits.start.slot or 0),
            "detail": self.in_words(waits),
        }

    def _hold(self, waits: Waits, now: float, *, is_started: bool) -> None:
        """Take the lock of the job's waiting start, unless a start that waits by itself has it, or may need it."""
        slug = waits.start.job
        descriptor = self._take(slug)
        if descriptor is None:
            return
        notes.write_note(
            descriptor,
            {
                "job": slug,
                "slot": waits.start.slot,
                "pid": os.getpid(),
                "pid_start": self._pid_start,
                "boot_id": self._identity.boot_id,
                "pid_ns": self._identity.pid_namespace,
                "at": iso(now),
                "pool": waits.start.pool if waits.why == POOL else None,
                "lock": waits.start.lock if waits.why == LOCK else None,
                "words": self.in_words(waits),
            },
        )
        has_many = sum(1 for _, each in self._held.values() if each is not None) >= MAX_LOCKS
        if has_many or is_started:  # the note is enough for views
            os.close(descriptor)
        self._held[slug] = waits.start.arrived, None if has_many or is_started else descriptor

    def _take(self, slug: str) -> int | None:
        try:
            return lock.take(self._settings.run_directory, layout.waiting_start(slug))
        except ProcessControlError:
            return None

    def in_words(self, waits: Waits) -> str:
        """Return what a start waits for, such as `a place in pool db: 2 of 2 taken by a, b; second in the queue`."""
        if waits.why == LOCK:
            by = f", held by {', '.join(waits.holders)}" if waits.holders else ""
            what = f"the lock '{waits.start.lock}'{by}"
        else:
            pool = waits.start.pool if waits.why == POOL else None
            places = self._settings.pools.get(pool, 0) if pool is not None else self._settings.max_concurrent or 0
            what = f"{place_in_words(pool)}: {taken_in_words(places, waits.holders)}"
        return in_the_queue(what, waits.position)
