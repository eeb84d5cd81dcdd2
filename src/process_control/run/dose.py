"""Full or small: which commands a run executes. A healthy job without the key slow_start reads nothing here.

Lean module.
"""

from process_control.core import gate
from process_control.run.gate import pass_the_gate
from process_control.run.step import GO, Go, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def choose_the_dose(run: "Run", world: "World") -> Go | Stop:
    """With the lock held: ask the gate once more when the run before us has changed the health, then full or small."""
    if not world.store.health_is_as_read():
        answer = pass_the_gate(run, world)
        if isinstance(answer, Stop):
            world.lock.release()
            return answer
    if run.leave == gate.HELD or (run.leave == gate.GO and not run.job.slow_start_runs):
        return GO
    from process_control.run import slow_start

    if run.leave == gate.PAUSE_IS_OVER:
        slow_start.end_the_pause(run, world)
        return choose_the_dose(run, world)
    return slow_start.prepare(run, world)
