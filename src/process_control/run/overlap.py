"""Handle a start whose lock is held: skip, queue, replace, fail, or refuse.

Lean module, loaded only when the lock is held.
"""

import posix

from process_control.errors import BY_SIGNAL, RUNNER_KILLED, STOPPED, BadConfiguration, NotStarted
from process_control.execution import stop
from process_control.execution.guard import START_SECONDS
from process_control.execution.pause import pause
from process_control.run.after_a_wait import ask_the_gate_again
from process_control.run.holder import already_running, holder_in_words, holder_of
from process_control.run.other_jobs import ask_to_stop, kill_runner_of
from process_control.run.refusal import fail, note_waiting, skip
from process_control.run.run import Go, Stop
from process_control.run.unfinished import refuse_survivors
from process_control.state.block import runner_is_alive
from process_control.system import proc
from process_control.system.signals import WaitEnded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World
    from process_control.state.block import Block

#: So long a start waits for a process that records a lost run under the lock; that takes a moment.
SETTLING_SECONDS = 5.0
#: Until a start that has just taken the lock has its run in the block.
STARTING_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.02


def meet_the_holder(run: "Run", world: "World") -> Go | Stop:
    """Do what `on_overlap` says; return Go when we hold the lock after that."""
    asked, is_being_settled = world.clock.monotonic(), False
    _refuse_own_ancestor(run, world)
    if holder_of(world) is None:
        for block in world.lock.blocks():
            if block.get("end") is None or block.get("left"):
                answer = refuse_survivors(run, world, block)
                if isinstance(answer, Stop):
                    return answer
                is_being_settled |= block.get("end") is None and not runner_is_alive(block, world.identity)
    how = _what_to_do_about_the_overlap(run, world)
    if how == "queue":
        return _wait_for_the_lock(run, world, asked)
    if how == "replace":
        return _replace(run, world, asked)
    if is_being_settled:  # a run that was lost must not cost another planned time
        if _has_lock_within(run, world, SETTLING_SECONDS, asked):
            return ask_the_gate_again(run, world)
        if world.inbox.stopping:
            return Stop(_stopped_while_waiting(run, world))
    words = holder_in_words(run, world) + _continue_the_stopped(world)
    if how == "fail":
        return fail(run, world, "overlap", words)
    if how == "skip":
        return skip(run, world, "overlap", words)
    return Stop(error=already_running(run, world, words))


def _continue_the_stopped(world: "World") -> str:
    """Continue a run whose runner or guard is stopped, as nothing enforces its limits then. Return that in words."""
    block = holder_of(world)
    stopped = (
        None
        if block is None
        else stop.continue_the_stopped(
            block, boot_id=world.identity.boot_id, pid_namespace=world.identity.pid_namespace
        )
    )
    return f"; {stopped}, now continued" if stopped else ""


def _what_to_do_about_the_overlap(run: "Run", world: "World") -> str:
    request = run.request
    if request.is_catching_up:
        return "skip"
    if request.wait or run.job.on_overlap == "queue" or run.is_for_an_older_slot:
        return "queue"
    if request.scheduled and run.job.on_overlap != "replace" and _holder_is_catching_up(world):
        return "queue"  # a run that catches up must not cost another planned time
    return run.job.on_overlap if request.scheduled else "refuse"


def _holder_is_catching_up(world: "World") -> bool:
    """Return whether the lock is held by a run that `catch_up` has started for a missed time."""
    block = holder_of(world)
    return block is not None and block.get("caught_up") is True


def _refuse_own_ancestor(run: "Run", world: "World") -> None:
    """Refuse a sub-job that needs the lock of its outer run, since it would wait for itself."""
    block = holder_of(world)
    if block is not None and block.get("pid") in proc.ancestors(posix.getpid()):
        raise BadConfiguration(
            f"the lock '{run.job.lock}' is held by run {block.get('run_id')} of job {block.get('job')}, "
            f"which started this sub-job",
            where=run.job.slug,
            hint="give the sub-job another lock, or remove it from the command",
        )


def _wait_for_the_lock(run: "Run", world: "World", asked: float) -> Go | Stop:
    seconds = run.request.wait_seconds if run.request.wait_seconds is not None else _rest_of_the_wait(run)
    words = holder_in_words(run, world) + _continue_the_stopped(world)
    world.people.notifier.say(f"{run.job.slug}: waiting: {words}")
    if run.request.scheduled:
        note_waiting(run, world, words)
    if _has_lock_within(run, world, seconds, asked):
        return ask_the_gate_again(run, world)
    return _not_taken(run, world, seconds)


def _rest_of_the_wait(run: "Run") -> float:
    """Return how long the start may still wait: the scheduler may have held it back. 0: no limit."""
    limit = run.job.queue_timeout_seconds
    return max(limit - run.request.queued_seconds, 0.001) if limit else limit


def _replace(run: "Run", world: "World", asked: float) -> Go | Stop:
    """Stop the run that holds the lock, as --kill-job does, and take the lock; KILL it if it does not end in time."""
    seconds, block = run.job.queue_timeout_seconds, _holder_once_it_is_known(world)
    if world.lock.descriptor is not None:
        _end_the_wait(run, world, asked)
        return ask_the_gate_again(run, world)
    if block is not None:
        in_time = ask_to_stop(block, world.identity, world.store.state_directory)
        if _has_lock_within(run, world, min(seconds, in_time), asked):
            return ask_the_gate_again(run, world)
        if seconds <= in_time or world.inbox.stopping:
            return _not_taken(run, world, seconds)
        kill_runner_of(block, world.identity)
        seconds -= in_time
    return (
        ask_the_gate_again(run, world)
        if _has_lock_within(run, world, seconds, asked)
        else _not_taken(run, world, run.job.queue_timeout_seconds)
    )


def _holder_once_it_is_known(world: "World") -> "Block | None":
    """Return the block of the run that holds the lock; that of a start that has just taken it is there in a moment.

    None when nobody shows; when the lock has become free, we hold it.
    """
    until = world.clock.monotonic() + STARTING_SECONDS
    while (block := holder_of(world)) is None and world.clock.monotonic() < until and not world.inbox.stopping:
        if world.lock.take():
            break
        pause(world.inbox, _LOOK_AGAIN_SECONDS)
    return block


def _has_lock_within(run: "Run", world: "World", seconds: float, asked: float) -> bool:
    """Wait at most `seconds` (0: no limit) for the lock; return whether we hold it. A signal ends the wait.

    `asked` is the moment of the look that found it held, by the monotonic clock: from then on this start has waited.
    """
    world.guard.end_within(seconds + START_SECONDS if seconds else None)
    try:
        with world.inbox.interruptible(seconds):
            world.lock.take(wait=True)
    except WaitEnded:
        return False
    _end_the_wait(run, world, asked)
    return True


def _end_the_wait(run: "Run", world: "World", asked: float) -> None:
    run.started_at = world.clock.now()
    run.waited_seconds += world.clock.monotonic() - asked
    world.guard.end_within(START_SECONDS)


def _not_taken(run: "Run", world: "World", seconds: float) -> Stop:
    """Skip a scheduled start that waited in vain; refuse one by hand."""
    if world.inbox.stopping:
        return Stop(_stopped_while_waiting(run, world))
    if run.request.scheduled:
        return skip(run, world, "overlap", f"waited {seconds:g} s: {holder_in_words(run, world)}")
    return Stop(error=NotStarted(f"waited {seconds:g} s: {holder_in_words(run, world)}", where=run.job.slug))


def _stopped_while_waiting(run: "Run", world: "World") -> int:
    """Return the exit code of a start that a signal ended during the wait."""
    inbox = world.inbox
    if run.request.scheduled:
        skip(run, world, "overlap", f"stopped while it waited: {holder_in_words(run, world)}")
    if inbox.guard_died:
        return RUNNER_KILLED
    return STOPPED if inbox.stopped_by is None else BY_SIGNAL + inbox.stopped_by
