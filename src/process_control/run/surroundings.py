"""What the commands of a run are given: environment, directory, umask, limits.

Lean room: the environment file's reader and the limits are imported by the jobs that have some.
"""

import posix

from process_control.core.job_environment import inherited_variables, job_environment, search_path
from process_control.errors import BadConfiguration
from process_control.execution.process import Surroundings

_MEND_OF_A_DISK = "is its disk there, and does it answer?"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.execution.limits import Limits
    from process_control.run.notifier import Notifier
    from process_control.run.run import Run
    from process_control.system.account import Account


class JobSurroundings:
    """The surroundings of one job's run. `inspect` comes first; it alone may refuse.

    `own_commands` is the directory of `run-job`, `of_caller` the environment of whoever started it.
    """

    __slots__ = ("_account", "_environment", "_inherited", "_job", "_limits", "_own_commands", "_settings")

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
        self._limits: Limits | None = None

    def inspect(self, run: "Run", notifier: "Notifier") -> None:
        """Put the environment together. Raises what an unsafe or broken environment file raises."""
        runtime_directory = f"/run/user/{self._account.uid}"
        self._environment = job_environment(
            account_name=self._account.name,
            home=self._account.home,
            runtime_directory=runtime_directory if is_directory(runtime_directory) else None,
            own_commands=self._own_commands,
            inherited=self._inherited,
            from_files=self._from_files(notifier) if self._job.environment_file else {},
            from_job=self._job.environment,
            run=self._of_this_run(run),
        )

    def _from_files(self, notifier: "Notifier") -> dict[str, str]:
        """Return what the environment files say. It is secret: the notifier will not show it."""
        from process_control.config.environment_file import SHORTEST_SECRET, read_environment_file
        from process_control.system.ask import NoAnswer, ask

        paths = self._job.environment_file
        variables: dict[str, str] = {}
        try:
            for each in ask(lambda: [read_environment_file(path) for path in paths]):
                variables.update(each)
        except NoAnswer as error:
            raise BadConfiguration(f"environment_file: {error}", where=paths[0], mend=_MEND_OF_A_DISK) from error
        notifier.secrets = [value for value in variables.values() if len(value) >= SHORTEST_SECRET]
        return variables

    def _of_this_run(self, run: "Run") -> dict[str, str]:
        variables = {
            "PROCESS_CONTROL_JOB": self._job.slug,
            "PROCESS_CONTROL_RUN_ID": run.id,
            "PROCESS_CONTROL_ATTEMPT": "1",
            "PROCESS_CONTROL_TRIGGER": run.request.trigger,
            "PROCESS_CONTROL_SCHEDULED_AT": run.scheduled_at or "",
            "PROCESS_CONTROL_SLOW_START": "1" if run.slow_start else "0",
        }
        if self._settings.path and not self._settings.default_path:
            variables["PROCESS_CONTROL_CONFIG"] = self._settings.path
        return variables

    def set_limits(self, run: "Run") -> "dict[str, object]":
        """Set what the run's group holds it to; return the limits in force by their keys.

        What is missing makes the run `warned` once a day. Raises BadConfiguration (78) when the job cannot do without.
        """
        from process_control.execution.limits import Limits

        limits = Limits(self._job)
        asked = limits.asked_for()
        if not asked:
            return asked
        self._limits = limits
        missing = limits.missing(run.cgroup)
        if missing:
            told = "; ".join([f"limits.{key} cannot be set: {why}" for key, why in missing.items()])
            if self._job.limits_required:
                raise BadConfiguration(
                    told, where=self._job.path, mend="man process-control-job tells how; or take away limits.required"
                )
            if run.adapters.store.is_first_today("limits"):
                run.limits_missing = f"{told}; see man process-control-job"
        return {key: value for key, value in asked.items() if key not in missing}

    def begin_attempt(self, run: "Run") -> None:
        """Tell the commands the number of the attempt; hold its new group to the limits."""
        self._environment["PROCESS_CONTROL_ATTEMPT"] = str(run.attempt)
        if self._limits is not None:
            self._limits.missing(run.cgroup)  # what is missing was told at the start

    def of(self, run: "Run") -> Surroundings:
        job = self._job
        return Surroundings(
            environment=self._environment,
            directory=job.working_directory or self._account.home,
            needs_directory=bool(job.working_directory),
            umask=job.umask,
            search_path=search_path(self._environment, self._own_commands),
            lock=None if job.leftovers == "keep" else run.lock,
            no_new_privileges=self._settings.no_new_privileges,
            cgroup=run.cgroup,
            limits=self._limits,
        )


def is_directory(path: str) -> bool:
    """Whether there is one, without a question to the disk that is mounted there: it may hang."""
    try:
        posix.close(posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    except OSError:
        return False
    return True
