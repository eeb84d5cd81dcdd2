"""Set up environment, directory, umask and limits for the commands of a run.

Lean module: environment files and limits are imported only for jobs that have some.
"""

import posix

from process_control.core.job_environment import inherited_variables, job_environment, search_path
from process_control.execution.process import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.execution.limits import Limits
    from process_control.system.account import Account


class Commands:
    """The settings of one run's commands. Call `prepare` first; only that raises.

    `own_commands` is the directory of `run-job`, `of_caller` the environment of its caller.
    """

    __slots__ = ("_account", "_environment", "_inherited", "_job", "_own_commands", "_settings", "limits")

    def __init__(
        self,
        job: "Job",
        settings: "Settings",
        account: "Account",
        *,
        own_commands: str | None,
        of_caller: dict[str, str],
    ) -> None:
        self._job = job
        self._settings = settings
        self._account = account
        self._own_commands = own_commands
        self._inherited = inherited_variables(job.inherit_environment, of_caller)
        self._environment: dict[str, str] = {}
        #: The limits of each command, see `job_limits.py`; None for a job without limits.
        self.limits: Limits | None = None

    def prepare(self, variables: dict[str, str]) -> list[str]:
        """Build the environment, with the variables of this run; return the secrets in it.

        Raises the errors of an unsafe or broken environment file.
        """
        from_files: dict[str, str] = {}
        secrets: list[str] = []
        if self._job.environment_file:
            from process_control.run.environment_files import read_environment_files

            from_files, secrets = read_environment_files(self._job.environment_file)
        runtime_directory = f"/run/user/{self._account.uid}"
        self._environment = job_environment(
            account_name=self._account.name,
            home=self._account.home,
            runtime_directory=runtime_directory if is_directory(runtime_directory) else None,
            own_commands=self._own_commands,
            inherited=self._inherited,
            from_files=from_files,
            from_job=self._job.environment,
            run=variables,
        )
        return secrets

    def begin_attempt(self, attempt: int, group: str | None) -> None:
        """Set the number of the attempt in the environment, and the limits of its new group."""
        self._environment["PROCESS_CONTROL_ATTEMPT"] = str(attempt)
        if self.limits is not None:
            self.limits.missing(group)  # missing limits were reported at the start

    @property
    def directory(self) -> str:
        return self._job.working_directory or self._account.home

    @property
    def search_path(self) -> list[str]:
        return search_path(self._environment, self._own_commands)

    def surroundings(self, *, lock: int | None, places: "Sequence[int]" = (), group: str | None) -> Surroundings:
        job = self._job
        return Surroundings(
            environment=self._environment,
            directory=self.directory,
            needs_directory=bool(job.working_directory),
            umask=job.umask,
            search_path=self.search_path,
            locks=[] if job.leftovers == "keep" or lock is None else [lock, *places],
            no_new_privileges=self._settings.no_new_privileges,
            cgroup=group,
            limits=self.limits,
        )


def is_directory(path: str) -> bool:
    """Return whether the directory exists, without access to the disk mounted there, which may hang."""
    try:
        posix.close(posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    except OSError:
        return False
    return True
