"""Start the process that runs missed planned times (`catch_up`), from `watch` and after scheduled runs.

Lean module, loaded for jobs with that key. Nobody waits for the process; it exits at once when enough of them run.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.run.run import Run
    from process_control.run.world import World

_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
_CATCH_UP = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.cli.main import main; sys.exit(main())"


def start_when_one_was_missed(run: "Run", world: "World") -> None:
    """Start the process after a scheduled run if the planned time before it was not claimed. Never raises."""
    slots = run.job.planned_slots
    number = slots.index(run.slot) if run.slot in slots else 0
    before = slots[number - 1] if number else None
    if before is None or (before and before != world.store.slot_before):
        start(world.settings)


def start(settings: "Settings") -> None:
    """Start the process. Never raises."""
    from process_control.core.job_environment import own_environment
    from process_control.execution.detached import start_detached
    from process_control.system.interpreter import python

    configuration = ["--config", settings.path] if settings.path else []
    words = [*python(), "-I", "-c", _CATCH_UP, _PACKAGE_FOLDER, *configuration, "watch", "--catch-up"]
    start_detached(words, own_environment(posix.environ))
