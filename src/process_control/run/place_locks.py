"""The locks of the places that a run needs: one of those of its pool, and one of those of the host.

Lean module, loaded for jobs with a pool and hosts with `max_concurrent`.
"""

import posix

from process_control.core.places import taken_in_words, what_is_full
from process_control.state import places as notes
from process_control.system import lock
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


class Needed:
    """One thing that a run needs a place in: a pool, or the host (`pool` is None)."""

    __slots__ = ("names", "pool")

    def __init__(self, pool: "str | None", places: int) -> None:
        self.pool = pool
        #: The locks of its places.
        self.names = notes.names_of_places(pool, places)


def take_all(run: "Run", world: "World", needed: "list[Needed]") -> "Needed | None":
    """Take a place in each, or in none; return what is full, None when we have them all."""
    for each in needed:
        descriptor = _first_free(world, each)
        if descriptor is None:
            world.lock.give_places_back()
            return each
        world.lock.places.append(descriptor)
    for descriptor in world.lock.places:
        notes.write_note(descriptor, note_of(run, world))
    return None


def note_of(run: "Run", world: "World") -> notes.Note:
    """Return what a lock file says of the run that holds it."""
    return {
        "job": run.job.slug,
        "run_id": run.id,
        "pid": posix.getpid(),
        "pid_start": run.pid_start,
        "guard_pid": posix.getppid(),
        "boot_id": world.identity.boot_id,
        "pid_ns": world.identity.pid_namespace,
        "at": iso(world.clock.now()),
    }


def _first_free(world: "World", needed: Needed) -> "int | None":
    for name in needed.names:
        descriptor = lock.take(world.settings.run_directory, name)
        if descriptor is not None:
            return descriptor
    return None


def holders_of(world: "World", full: Needed) -> "list[notes.Note]":
    return notes.holders(world.settings.run_directory, full.names, world.identity)


def full_in_words(world: "World", full: Needed) -> str:
    """Return `pool db is full: 1 of 1 taken by a (run 01k… since …)`."""
    held = notes.names_of(holders_of(world, full), with_runs=True)
    return f"{what_is_full(full.pool)} is full: {taken_in_words(len(full.names), held)}"
