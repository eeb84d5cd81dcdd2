"""A job: its file over the defaults, in one slotted class with an attribute for each key.

Lean module: imports nothing.

Generated from the tables in config/keys/ by `python -m tools.keys`: do not edit.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS_VERSION = "fb63e3e6fa8b"

ATTRIBUTES = (
    "slug",
    "path",
    "version",
    "name",
    "description",
    "owner",
    "owner_mail",
    "owner_runbook",
    "command",
    "slow_start_command",
    "schedule",
    "time_zone",
    "exclude",
    "only_if_command",
    "only_if_timeout_seconds",
    "disabled",
    "timeout_seconds",
    "kill_grace_seconds",
    "leftovers",
    "run_unlogged",
    "silence_timeout_seconds",
    "environment",
    "environment_file",
    "inherit_environment",
    "working_directory",
    "umask",
    "tags",
    "lock",
    "on_overlap",
    "queue_timeout_seconds",
    "stdout",
    "stderr",
    "verdicts",
    "retry_attempts",
    "retry_delay_seconds",
    "retry_factor",
    "retry_max_delay_seconds",
    "retry_jitter",
    "backoff_delay_seconds",
    "backoff_factor",
    "backoff_max_delay_seconds",
    "hold_after_failures",
    "hold_release_after_seconds",
    "slow_start_runs",
    "slow_start_after",
    "start_within_seconds",
    "jitter_seconds",
    "after",
    "pool",
    "run_on",
    "on_host_loss",
    "on_partition",
    "catch_up_which",
    "catch_up_within_seconds",
    "expect",
    "log_bytes",
    "memory_limit_bytes",
    "processes_limit",
    "cpu_seconds_limit",
    "open_files_limit",
    "file_size_limit_bytes",
    "nice",
    "io_class",
    "limits_required",
    "failmail_to",
    "failmail_from",
    "failmail_smtp",
    "failmail_sendmail",
    "failmail_tls",
    "failmail_ca_file",
    "failmail_login",
    "failmail_password_file",
    "failmail_each",
    "failmail_off",
    "failure_threshold_for_mail",
    "notify",
    "notify_off",
    "ping_url",
    "ping_api_key_file",
    "planned_slots",
    "excluded",
    "plan_hash",
    "schedule_of",
    "causes_planned",
    "fleet_schedule",
)

MAX_SLUG = 64


def is_slug(text: str) -> bool:
    """Return whether `text` can name a job: it matches [A-Za-z0-9][A-Za-z0-9_-]{0,63} in full."""
    return (
        0 < len(text) <= MAX_SLUG
        and text.isascii()
        and text[0].isalnum()
        and text.replace("_", "0").replace("-", "0").isalnum()
    )


class Job:
    """One job. Times are in seconds, sizes in bytes, commands are split into words; see docs/reference/job-file.md."""

    __slots__ = ATTRIBUTES

    if TYPE_CHECKING:  # to evaluate them would cost every start a third of a millisecond
        #: the name of its file without .yaml
        slug: str
        #: its file
        path: str
        #: the first 12 hex digits of the SHA-256 of its file
        version: str
        name: str
        description: str | None
        owner: str | None
        owner_mail: list[str]
        owner_runbook: str | None
        command: list[list[str]]
        slow_start_command: list[list[str]] | None
        schedule: list[str]
        time_zone: str | None
        exclude: list[str]
        only_if_command: list[str] | None
        only_if_timeout_seconds: float | None
        disabled: bool
        timeout_seconds: float
        kill_grace_seconds: float
        leftovers: str
        run_unlogged: bool
        silence_timeout_seconds: float | None
        environment: dict[str, str]
        environment_file: list[str]
        inherit_environment: bool | list[str]
        working_directory: str | None
        umask: int
        tags: list[str]
        lock: str
        on_overlap: str
        queue_timeout_seconds: float
        stdout: str | None
        stderr: str
        verdicts: list[dict[str, Any]]
        retry_attempts: int
        retry_delay_seconds: float
        retry_factor: float
        retry_max_delay_seconds: float
        retry_jitter: float
        backoff_delay_seconds: float | None
        backoff_factor: float | None
        backoff_max_delay_seconds: float | None
        hold_after_failures: int | None
        hold_release_after_seconds: float | None
        slow_start_runs: int | None
        slow_start_after: list[str]
        start_within_seconds: float
        jitter_seconds: float | None
        after: list[dict[str, Any]]
        pool: str | None
        run_on: str
        on_host_loss: str
        on_partition: str
        catch_up_which: str | None
        catch_up_within_seconds: float
        expect: dict[str, Any]
        log_bytes: int
        memory_limit_bytes: int | None
        processes_limit: int | None
        cpu_seconds_limit: int | None
        open_files_limit: int | None
        file_size_limit_bytes: int | None
        nice: int | None
        io_class: str | None
        limits_required: bool
        failmail_to: list[str]
        failmail_from: str | None
        failmail_smtp: str | None
        failmail_sendmail: str | None
        failmail_tls: str | None
        failmail_ca_file: str | None
        failmail_login: str | None
        failmail_password_file: str | None
        failmail_each: bool | None
        failmail_off: bool
        failure_threshold_for_mail: int
        notify: list[dict[str, Any]]
        notify_off: bool
        ping_url: str | None
        ping_api_key_file: str | None
        #: UTC seconds, rising: the last slot before they were planned (0: none), then the next ones
        planned_slots: list[int]
        #: what follows from `exclude` for them, see `config/plan_of_job.py`; empty without that key
        excluded: dict[str, Any]
        #: the hash of the file and of what it plans, with the defaults; empty before it is planned
        plan_hash: str
        #: the job that its schedule and time zone are of, for a job with `after` and no schedule of its own
        schedule_of: str | None
        #: the `plan_hash` of each cause of such a job, of which its own plan was made
        causes_planned: dict[str, str]
        #: what its file has as `schedule`, for a job of the fleet, which this host plans nothing for
        fleet_schedule: list[str]

    def __init__(
        self,
        *,
        slug: str,
        path: str,
        name: str,
        command: "list[list[str]]",
        version: str = "",
        description: "str | None" = None,
        owner: "str | None" = None,
        owner_mail: "list[str] | None" = None,
        owner_runbook: "str | None" = None,
        slow_start_command: "list[list[str]] | None" = None,
        schedule: "list[str] | None" = None,
        time_zone: "str | None" = None,
        exclude: "list[str] | None" = None,
        only_if_command: "list[str] | None" = None,
        only_if_timeout_seconds: "float | None" = None,
        disabled: bool = False,
        timeout_seconds: float = 600.0,
        kill_grace_seconds: float = 10.0,
        leftovers: str = "kill",
        run_unlogged: bool = False,
        silence_timeout_seconds: "float | None" = None,
        environment: "dict[str, str] | None" = None,
        environment_file: "list[str] | None" = None,
        inherit_environment: "bool | list[str]" = False,
        working_directory: "str | None" = None,
        umask: int = 0o022,
        tags: "list[str] | None" = None,
        lock: str = "",
        on_overlap: str = "skip",
        queue_timeout_seconds: float = 3600.0,
        stdout: "str | None" = None,
        stderr: str = "fail",
        verdicts: "list[dict[str, Any]] | None" = None,
        retry_attempts: int = 1,
        retry_delay_seconds: float = 10.0,
        retry_factor: float = 2.0,
        retry_max_delay_seconds: float = 600.0,
        retry_jitter: float = 0.1,
        backoff_delay_seconds: "float | None" = None,
        backoff_factor: "float | None" = None,
        backoff_max_delay_seconds: "float | None" = None,
        hold_after_failures: "int | None" = None,
        hold_release_after_seconds: "float | None" = None,
        slow_start_runs: "int | None" = None,
        slow_start_after: "list[str] | None" = None,
        start_within_seconds: float = 600.0,
        jitter_seconds: "float | None" = None,
        after: "list[dict[str, Any]] | None" = None,
        pool: "str | None" = None,
        run_on: str = "any",
        on_host_loss: str = "fail",
        on_partition: str = "kill",
        catch_up_which: "str | None" = None,
        catch_up_within_seconds: float = 86400.0,
        expect: "dict[str, Any] | None" = None,
        log_bytes: int = 100_000_000,
        memory_limit_bytes: "int | None" = None,
        processes_limit: "int | None" = None,
        cpu_seconds_limit: "int | None" = None,
        open_files_limit: "int | None" = None,
        file_size_limit_bytes: "int | None" = None,
        nice: "int | None" = None,
        io_class: "str | None" = None,
        limits_required: bool = False,
        failmail_to: "list[str] | None" = None,
        failmail_from: "str | None" = None,
        failmail_smtp: "str | None" = None,
        failmail_sendmail: "str | None" = None,
        failmail_tls: "str | None" = None,
        failmail_ca_file: "str | None" = None,
        failmail_login: "str | None" = None,
        failmail_password_file: "str | None" = None,
        failmail_each: "bool | None" = None,
        failmail_off: bool = False,
        failure_threshold_for_mail: int = 1,
        notify: "list[dict[str, Any]] | None" = None,
        notify_off: bool = False,
        ping_url: "str | None" = None,
        ping_api_key_file: "str | None" = None,
        planned_slots: "list[int] | None" = None,
        excluded: "dict[str, Any] | None" = None,
        plan_hash: str = "",
        schedule_of: "str | None" = None,
        causes_planned: "dict[str, str] | None" = None,
        fleet_schedule: "list[str] | None" = None,
    ) -> None:
        self.slug = slug
        self.path = path
        self.version = version
        self.name = name
        self.description = description
        self.owner = owner
        self.owner_mail = [] if owner_mail is None else owner_mail
        self.owner_runbook = owner_runbook
        self.command = command
        self.slow_start_command = slow_start_command
        self.schedule = [] if schedule is None else schedule
        self.time_zone = time_zone
        self.exclude = [] if exclude is None else exclude
        self.only_if_command = only_if_command
        self.only_if_timeout_seconds = only_if_timeout_seconds
        self.disabled = disabled
        self.timeout_seconds = timeout_seconds
        self.kill_grace_seconds = kill_grace_seconds
        self.leftovers = leftovers
        self.run_unlogged = run_unlogged
        self.silence_timeout_seconds = silence_timeout_seconds
        self.environment = {} if environment is None else environment
        self.environment_file = [] if environment_file is None else environment_file
        self.inherit_environment = inherit_environment
        self.working_directory = working_directory
        self.umask = umask
        self.tags = [] if tags is None else tags
        self.lock = lock or slug
        self.on_overlap = on_overlap
        self.queue_timeout_seconds = queue_timeout_seconds
        self.stdout = stdout
        self.stderr = stderr
        self.verdicts = [] if verdicts is None else verdicts
        self.retry_attempts = retry_attempts
        self.retry_delay_seconds = retry_delay_seconds
        self.retry_factor = retry_factor
        self.retry_max_delay_seconds = retry_max_delay_seconds
        self.retry_jitter = retry_jitter
        self.backoff_delay_seconds = backoff_delay_seconds
        self.backoff_factor = backoff_factor
        self.backoff_max_delay_seconds = backoff_max_delay_seconds
        self.hold_after_failures = hold_after_failures
        self.hold_release_after_seconds = hold_release_after_seconds
        self.slow_start_runs = slow_start_runs
        self.slow_start_after = [] if slow_start_after is None else slow_start_after
        self.start_within_seconds = start_within_seconds
        self.jitter_seconds = jitter_seconds
        self.after = [] if after is None else after
        self.pool = pool
        self.run_on = run_on
        self.on_host_loss = on_host_loss
        self.on_partition = on_partition
        self.catch_up_which = catch_up_which
        self.catch_up_within_seconds = catch_up_within_seconds
        self.expect = {} if expect is None else expect
        self.log_bytes = log_bytes
        self.memory_limit_bytes = memory_limit_bytes
        self.processes_limit = processes_limit
        self.cpu_seconds_limit = cpu_seconds_limit
        self.open_files_limit = open_files_limit
        self.file_size_limit_bytes = file_size_limit_bytes
        self.nice = nice
        self.io_class = io_class
        self.limits_required = limits_required
        self.failmail_to = [] if failmail_to is None else failmail_to
        self.failmail_from = failmail_from
        self.failmail_smtp = failmail_smtp
        self.failmail_sendmail = failmail_sendmail
        self.failmail_tls = failmail_tls
        self.failmail_ca_file = failmail_ca_file
        self.failmail_login = failmail_login
        self.failmail_password_file = failmail_password_file
        self.failmail_each = failmail_each
        self.failmail_off = failmail_off
        self.failure_threshold_for_mail = failure_threshold_for_mail
        self.notify = [] if notify is None else notify
        self.notify_off = notify_off
        self.ping_url = ping_url
        self.ping_api_key_file = ping_api_key_file
        self.planned_slots = [] if planned_slots is None else planned_slots
        self.excluded = {} if excluded is None else excluded
        self.plan_hash = plan_hash
        self.schedule_of = schedule_of
        self.causes_planned = {} if causes_planned is None else causes_planned
        self.fleet_schedule = [] if fleet_schedule is None else fleet_schedule

    @classmethod
    def from_values(cls, values: "list[Any]") -> "Job":
        """Return the job whose attributes, in order, are `values`. Raises ValueError for too many or too few."""
        job = cls.__new__(cls)
        (  # a loop with setattr takes ten times as long: a list of jobs has thousands
            job.slug,
            job.path,
            job.version,
            job.name,
            job.description,
            job.owner,
            job.owner_mail,
            job.owner_runbook,
            job.command,
            job.slow_start_command,
            job.schedule,
            job.time_zone,
            job.exclude,
            job.only_if_command,
            job.only_if_timeout_seconds,
            job.disabled,
            job.timeout_seconds,
            job.kill_grace_seconds,
            job.leftovers,
            job.run_unlogged,
            job.silence_timeout_seconds,
            job.environment,
            job.environment_file,
            job.inherit_environment,
            job.working_directory,
            job.umask,
            job.tags,
            job.lock,
            job.on_overlap,
            job.queue_timeout_seconds,
            job.stdout,
            job.stderr,
            job.verdicts,
            job.retry_attempts,
            job.retry_delay_seconds,
            job.retry_factor,
            job.retry_max_delay_seconds,
            job.retry_jitter,
            job.backoff_delay_seconds,
            job.backoff_factor,
            job.backoff_max_delay_seconds,
            job.hold_after_failures,
            job.hold_release_after_seconds,
            job.slow_start_runs,
            job.slow_start_after,
            job.start_within_seconds,
            job.jitter_seconds,
            job.after,
            job.pool,
            job.run_on,
            job.on_host_loss,
            job.on_partition,
            job.catch_up_which,
            job.catch_up_within_seconds,
            job.expect,
            job.log_bytes,
            job.memory_limit_bytes,
            job.processes_limit,
            job.cpu_seconds_limit,
            job.open_files_limit,
            job.file_size_limit_bytes,
            job.nice,
            job.io_class,
            job.limits_required,
            job.failmail_to,
            job.failmail_from,
            job.failmail_smtp,
            job.failmail_sendmail,
            job.failmail_tls,
            job.failmail_ca_file,
            job.failmail_login,
            job.failmail_password_file,
            job.failmail_each,
            job.failmail_off,
            job.failure_threshold_for_mail,
            job.notify,
            job.notify_off,
            job.ping_url,
            job.ping_api_key_file,
            job.planned_slots,
            job.excluded,
            job.plan_hash,
            job.schedule_of,
            job.causes_planned,
            job.fleet_schedule,
        ) = values
        return job

    def to_values(self) -> "list[Any]":
        """Return the values of all attributes in order, as plain JSON values."""
        return [getattr(self, name) for name in ATTRIBUTES]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.to_values() == other.to_values()

    __hash__ = None  # type: ignore[assignment]  # its lists may change

    def __repr__(self) -> str:
        """Return the job without the values of its environment, which may be secrets."""
        shown = [
            f"{name}={sorted(self.environment) if name == 'environment' else getattr(self, name)!r}"
            for name in ATTRIBUTES
        ]
        return f"Job({', '.join(shown)})"
