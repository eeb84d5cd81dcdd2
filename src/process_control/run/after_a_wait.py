"""After a wait (for the lock, or a random delay) the gate is asked once more: much may have changed meanwhile.

Lean module, loaded only then.
"""

from process_control.config.job_directory import load_job
from process_control.run.gate import ask_the_gate
from process_control.run.refusal import skip
from process_control.run.run import Go, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def ask_the_gate_again(run: "Run", world: "World") -> Go | Stop:
    """Return what the gate says now; a lock that is held is let go when the start ends here."""
    answer = _ask(run, world)
    if isinstance(answer, Stop):
        world.lock.release()
    return answer


def _ask(run: "Run", world: "World") -> Go | Stop:
    if run.request.scheduled and load_job(run.job.slug, world.settings).disabled:
        return skip(run, world, "disabled", "the job file was changed while this start waited")
    answer = ask_the_gate(run, world)
    if isinstance(answer, Stop) or not run.job.only_if_command:
        return answer
    from process_control.run.only_if import ask_only_if

    return ask_only_if(run, world)
