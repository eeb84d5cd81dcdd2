"""Find the run that holds the lock, and refuse a start beside it.

Lean module, loaded only when two starts meet.
"""

from process_control.errors import NotStarted
from process_control.run.refusal import fail, skip
from process_control.run.run import Stop
from process_control.state.block import runner_lives_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World
    from process_control.state.block import Block


def holder_of(world: "World") -> "Block | None":
    """Return the block of the run that holds the lock; None when no block shows it."""
    for block in world.lock.blocks():
        if block.get("end") is None and runner_lives_here(block, world.identity):
            return block
    return None


def _slug_of_holder(world: "World") -> str | None:
    block = holder_of(world)
    return None if block is None else str(block.get("job"))


def holder_in_words(run: "Run", world: "World") -> str:
    block = holder_of(world)
    if block is None:
        return f"the lock '{run.job.lock}' is held by a start at this moment, or by processes that an earlier run left"
    holder = f"run {block.get('run_id')} since {block.get('started_at')} (pid {block.get('pid')})"
    if block.get("job") == run.job.slug:
        return holder
    return f"not started: job {block.get('job')} holds the shared lock '{run.job.lock}': {holder}"


def already_running(run: "Run", world: "World", words: str) -> NotStarted:
    slug = run.job.slug
    return NotStarted(
        words if _slug_of_holder(world) not in (None, slug) else f"already running: {words}",
        where=slug,
        hint=f"wait for it with run-job --wait {slug}, or stop it: run-job --kill-job {_slug_of_holder(world) or slug}",
    )


def refuse_beside_a_live_run(run: "Run", world: "World") -> Stop:
    """Refuse a start although the lock is free: its file was removed while a run held it, as the block shows."""
    if run.request.scheduled and run.job.on_overlap == "fail":
        return fail(run, world, "overlap", holder_in_words(run, world))
    if run.request.scheduled:
        return skip(run, world, "overlap", holder_in_words(run, world))
    return Stop(error=already_running(run, world, holder_in_words(run, world)))
