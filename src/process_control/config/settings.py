"""The global configuration in force: every key by its name, and the defaults for what it does not say.

Lean module.

Generated from the tables in config/keys/ by `python -m tools.keys`: do not edit.
"""

from process_control.config.search import Search
from process_control.core import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Settings:
    """Every global key by its name, the defaults filled in, and which file said so."""

    __slots__ = (
        "allow_network_state",
        "calendars",
        "cron_template",
        "default_job_config",
        "default_path",
        "failmail_ca_file",
        "failmail_from",
        "failmail_login",
        "failmail_off",
        "failmail_password_file",
        "failmail_sendmail",
        "failmail_smtp",
        "failmail_tls",
        "failmail_to",
        "job_directory",
        "log_bytes",
        "no_new_privileges",
        "output_crontab",
        "output_directory",
        "path",
        "read_group",
        "retention_days",
        "retention_log_bytes",
        "retention_runs",
        "run_directory",
        "runner_path",
        "search",
        "state_directory",
        "syslog_address",
        "syslog_facility",
        "syslog_hangs",
        "trusted_group",
        "trusted_owner",
        "user",
    )

    def __init__(self, values: "dict[str, Any]", search: Search, path: "str | None", directories: "list[str]") -> None:
        """Fill in. `values` is what the file says, by attribute; `directories` where things are by default."""
        said = values.get
        self.path = path
        self.default_path = search.named is None
        self.search = search
        self.syslog_hangs = False  # found out by the first line
        self.job_directory: str = said("job_directory") or directories[0]
        self.output_directory: str = said("output_directory") or directories[1]
        self.state_directory: str = said("state_directory") or directories[2]
        self.run_directory: str = said("run_directory") or layout.run_directory(self.state_directory)
        self.output_crontab: str = said("output_crontab") or directories[3]
        self.user: str | None = said("user")
        self.default_job_config: dict[str, Any] = said("default_job_config") or {}
        self.runner_path: str | None = said("runner_path")
        self.cron_template: str | None = said("cron_template")
        self.retention_runs: int = said("retention_runs", 1000)
        self.retention_days: int = said("retention_days", 90)
        self.retention_log_bytes: int = said("retention_log_bytes", 1_000_000_000)
        self.log_bytes: int = said("log_bytes", 100_000_000)
        self.no_new_privileges: bool = said("no_new_privileges", False)
        self.read_group: str | None = said("read_group")
        self.trusted_owner: str | None = said("trusted_owner")
        self.trusted_group: str | None = said("trusted_group")
        self.allow_network_state: bool = said("allow_network_state", False)
        self.syslog_address: str = said("syslog_address", "/dev/log")
        self.syslog_facility: str = said("syslog_facility", "cron")
        self.failmail_to: list[str] = said("failmail_to") or []
        self.failmail_from: str | None = said("failmail_from")
        self.failmail_smtp: str | None = said("failmail_smtp")
        self.failmail_sendmail: str | None = said("failmail_sendmail")
        self.failmail_tls: str | None = said("failmail_tls")
        self.failmail_ca_file: str | None = said("failmail_ca_file")
        self.failmail_login: str | None = said("failmail_login")
        self.failmail_password_file: str | None = said("failmail_password_file")
        self.failmail_off: bool = said("failmail_off", False)
        self.calendars: dict[str, str] = said("calendars") or {}

    def __repr__(self) -> str:
        """Return the settings without the defaults of jobs: their environment may hold secrets."""
        hidden = ("default_job_config", "search")
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name not in hidden]
        return f"Settings({', '.join(shown)})"


def load_settings(
    named: str | None, environ: "dict[bytes, bytes]", slug_hint: str | None = None, *, root: str = ""
) -> Settings:
    """Return the settings in force. `named` is --config, `environ` posix.environ.

    `slug_hint` is the job that will be loaded next: then one cache file answers for both. `root` stands before the
    system's own paths (/etc, /var).

    Raises BadConfiguration (78) for a configuration that is named but missing, or has faults; NotPermitted (77) for
    one that somebody else could have written.
    """
    search = Search(named, environ, slug_hint, root)
    values, path, directories = search.found()
    return Settings(values, search, path, directories)
