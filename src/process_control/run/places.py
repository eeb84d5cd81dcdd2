"""Take a place in the job's pool, and one on the host (`max_concurrent`): kernel locks, held as long as the job's own.

Lean module, loaded for jobs with a pool and hosts with `max_concurrent`.

The order is lock, pool, host, and nothing of it is held while a start waits for the rest: a place that is not used is
free for others, and no two starts can wait for each other. So a start that finds no place lets its lock go, waits
(`place_queue.py`), and takes the lock again when it has its places. A run that another run started needs no place on
the host, and none in a pool in which an outer run has one: else the outer run would wait for itself.
"""

import posix

from process_control.core.places import waits_for_a_place
from process_control.errors import NotStarted
from process_control.run.place_locks import Needed, full_in_words, take_all
from process_control.run.run import GO, Go, Stop
from process_control.state import places as notes
from process_control.state.block import runner_lives_here
from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def take_places(run: "Run", world: "World") -> Go | Stop:
    """Take the places, with the job's lock held; else wait for them, or refuse a start by hand."""
    if run.request.force and not run.request.scheduled:
        return GO
    needed = _needed(run, world)
    full = take_all(run, world, needed)
    if full is None:
        return GO
    world.lock.release()
    request = run.request
    if not waits_for_a_place(scheduled=request.scheduled, wait=request.wait, trigger=request.trigger):
        return Stop(error=_refusal(run, world, full))
    from process_control.run.place_queue import wait_for_places

    return wait_for_places(run, world, needed, full)


def _needed(run: "Run", world: "World") -> "list[Needed]":
    """Return the pool of the job and the host, without what an outer run has a place in."""
    settings, pool = world.settings, run.job.pool
    needed = [Needed(pool, settings.pools[pool])] if pool in settings.pools else []
    if settings.max_concurrent is not None:
        needed.append(Needed(None, settings.max_concurrent))
    if run.request.scheduled:
        return needed
    outer = proc.ancestors(posix.getpid())[1:]  # without the guard of this run
    return [each for each in needed if not any(_is_of(name, outer, world) for name in each.names)]


def _is_of(name: str, outer: "list[int]", world: "World") -> bool:
    """Return whether the place was taken by the runner of one of these processes, or by a run that it guards."""
    note = notes.read_note(world.settings.run_directory, name)
    if note is None or (note.get("pid") not in outer and note.get("guard_pid") not in outer):
        return False
    return runner_lives_here(note, world.identity)


def _refusal(run: "Run", world: "World", full: Needed) -> NotStarted:
    slug = run.job.slug
    hint = f"wait for a place with run-job --wait {slug}, or run it without one: run-job --force {slug}"
    return NotStarted(f"not started: {full_in_words(world, full)}", where=slug, hint=hint)
