"""What the commands of a run are started with: environment, directory, umask, limits.

Lean module: the reader of environment files and the limits are imported by the jobs that have some.
"""

import posix

from process_control.core.job_environment import inherited_variables, job_environment, search_path
from process_control.execution.process import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.execution.limits import Limits
    from process_control.system.account import Account


class Commands:
    """What one run's commands are given. `prepare` comes first; it alone may refuse.

    `own_commands` is the directory of `run-job`, `of_caller` the environment of whoever started it.
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
        #: What each command is held to, see `job_limits.py`; None for a job without limits.
        self.limits: Limits | None = None

    def prepare(self, variables: dict[str, str]) -> list[str]:
        """Put the environment together, with the variables of this run; return the secrets in it.

        Raises what an unsafe or broken environment file raises.
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
        """Give the commands the number of the attempt; hold its new group to the limits."""
        self._environment["PROCESS_CONTROL_ATTEMPT"] = str(attempt)
        if self.limits is not None:
            self.limits.missing(group)  # what is missing was said at the start

    @property
    def directory(self) -> str:
        return self._job.working_directory or self._account.home

    @property
    def search_path(self) -> list[str]:
        return search_path(self._environment, self._own_commands)

    def surroundings(self, *, lock: int | None, group: str | None) -> Surroundings:
        job = self._job
        return Surroundings(
            environment=self._environment,
            directory=self.directory,
            needs_directory=bool(job.working_directory),
            umask=job.umask,
            search_path=self.search_path,
            lock=None if job.leftovers == "keep" else lock,
            no_new_privileges=self._settings.no_new_privileges,
            cgroup=group,
            limits=self.limits,
        )


def is_directory(path: str) -> bool:
    """Whether there is one, without a question to the disk that is mounted there: it may hang."""
    try:
        posix.close(posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    except OSError:
        return False
    return True
