"""The random delay before a scheduled start (`jitter`).

Lean module, loaded only for jobs with that key.
"""

import posix

from process_control.errors import CannotRecord
from process_control.execution.guard import START_SECONDS
from process_control.execution.pause import pause
from process_control.run.after_a_wait import ask_the_gate_again
from process_control.run.refusal import fail_as_stopped, note_waiting
from process_control.run.run import Go, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World

_RANDOM_BYTES = 4


def wait_for_jitter(run: "Run", world: "World") -> Go | Stop:
    """Wait for a random part of the job's `jitter`, then ask the gate once more."""
    seconds = _delay(run.job.jitter_seconds or 0.0)
    try:
        note_waiting(run, world, f"a random delay of {seconds:.3g} s (jitter)")
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
    asked = world.clock.monotonic()
    world.guard.end_within(seconds + START_SECONDS)
    world.inbox.hear_the_others()
    pause(world.inbox, seconds)
    world.guard.end_within(START_SECONDS)
    run.started_at = world.clock.now()
    run.jitter_waited_seconds = world.clock.monotonic() - asked
    if world.inbox.stopping:
        return fail_as_stopped(run, world, "during its random delay (jitter)")
    return ask_the_gate_again(run, world)


def _delay(most: float) -> float:
    return most * int.from_bytes(posix.urandom(_RANDOM_BYTES), "big") / (1 << 8 * _RANDOM_BYTES)
