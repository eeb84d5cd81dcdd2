"""Starts that the scheduler holds back until their turn: what journal and run directory say of them.

A record `waiting` makes the planned time `due` in the ledger. A start that waits by itself has the lock `waiting` of
its job, with a note in its file; so has one that the scheduler holds back. So a start of cron beside it does what
`on_overlap` says, the views show it, and the next scheduler finds it when this one was killed.
"""

import os
from collections.abc import Iterable, Iterator

from process_control.actions.rights import Actor
from process_control.core import layout
from process_control.core.facts import SCHEDULER
from process_control.core.job import is_slug
from process_control.core.places import place_in_words, taken_in_words
from process_control.core.start_queue import LOCK, POOL, Waits
from process_control.errors import ProcessControlError
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.state import places as notes
from process_control.state.block import Identity
from process_control.system import lock, proc
from process_control.system.clock import iso

_BEFORE, _AFTER = layout.lock("", layout.waiting_start("|")).removeprefix("/").split("|")


class HeldStarts:
    """The notes of the starts that wait, one a job: the oldest."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._settings = actor.settings
        self._identity = Identity()
        self._pid_start = proc.start_time(os.getpid()) or 0
        #: what was recorded, by the number of the start
        self._recorded: set[int] = set()
        #: the locks, by job, with the number of the start
        self._held: dict[str, tuple[int, int]] = {}

    def show(self, waits: Iterable[Waits], now: float) -> None:
        """Record what began to wait, and let go what waits no more. Never raises: no start depends on it."""
        waiting = {each.start.arrived: each for each in waits}
        self._recorded &= waiting.keys()
        for job, (number, descriptor) in list(self._held.items()):
            if number not in waiting:
                notes.write_note(descriptor, {"job": job, "over": True})
                os.close(descriptor)
                del self._held[job]
        for number, each in waiting.items():
            if number not in self._recorded:
                self._recorded.add(number)
                self._record(each, now)
            if each.start.job not in self._held:
                self._hold(each, now)

    def left_by_the_one_before(self) -> Iterator[tuple[str, int]]:
        """Yield job and planned time of each start that a killed scheduler has held back."""
        try:
            names = os.listdir(self._settings.run_directory)
        except OSError:
            return
        for name in sorted(names):
            slug = name.removeprefix(_BEFORE).removesuffix(_AFTER)
            if name != f"{_BEFORE}{slug}{_AFTER}" or not is_slug(slug):
                continue
            note = notes.read_note(self._settings.run_directory, layout.waiting_start(slug))
            slot = None if note is None or note.get("over") else note.get("slot")
            if isinstance(slot, int):
                yield slug, slot

    def _record(self, waits: Waits, now: float) -> None:
        record: dict[str, object] = {
            "event": "waiting",
            "at": iso(now),
            "job": waits.start.job,
            "trigger": SCHEDULER,
            "by": self._actor.by,
            "host": self._actor.host,
            "scheduled_at": iso(waits.start.slot or 0),
            "detail": self.in_words(waits),
        }
        try:
            journal.append(self._settings.state_directory, record)
        except (ProcessControlError, OSError):
            pass
        announce(self._settings, record)

    def _hold(self, waits: Waits, now: float) -> None:
        """Take the lock of the job's waiting start, unless a start that waits by itself has it."""
        slug = waits.start.job
        try:
            descriptor = lock.take(self._settings.run_directory, layout.waiting_start(slug))
        except ProcessControlError:
            return
        if descriptor is None:
            return
        self._held[slug] = waits.start.arrived, descriptor
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

    def in_words(self, waits: Waits) -> str:
        """Return what a start waits for, such as `a place in pool db: 2 of 2 taken by a, b; second in the queue`."""
        if waits.why == LOCK:
            by = f", held by {', '.join(waits.holders)}" if waits.holders else ""
            what = f"the lock '{waits.start.lock}'{by}"
        else:
            pool = waits.start.pool if waits.why == POOL else None
            places = self._settings.pools.get(pool, 0) if pool is not None else self._settings.max_concurrent or 0
            what = f"{place_in_words(pool)}: {taken_in_words(places, waits.holders)}"
        return f"{what}; place {waits.position} in the queue"
