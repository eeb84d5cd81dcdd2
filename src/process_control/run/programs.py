"""Find the programs that a job's commands would execute now: path, inode, size and time.

Lean module, loaded for jobs with the key slow_start.
"""

from process_control.errors import BadConfiguration
from process_control.execution.programs import program_stamps
from process_control.system.ask import NoAnswer, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job
    from process_control.run.commands import Commands


def programs_of(job: "Job", commands: "Commands") -> list[str]:
    """Return the stamp of each program in the job's commands, see `program_stamps`. Raises BadConfiguration (78).

    `commands` must be prepared, since PATH may come from an environment file.
    """
    names = [argv[0] for argv in job.command]
    try:
        stamps: list[str] = ask(lambda: program_stamps(names, commands.search_path, commands.directory))
    except NoAnswer as error:
        hint = "check that the directories of its PATH are mounted and answer"
        raise BadConfiguration(f"its programs cannot be looked up: {error}", where=job.slug, hint=hint) from error
    return stamps
