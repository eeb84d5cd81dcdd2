"""The global configuration in force: an attribute for each key, with the defaults filled in.

Lean module.

Generated from the tables in config/keys/ by `python -m tools.keys`: do not edit.
"""

from process_control.config.search import Search
from process_control.core import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Settings:
    """The value of each global key, and the file it comes from; see docs/reference/configuration.md."""

    __slots__ = (
        "allow_network_state",
        "calendars",
        "cron_template",
        "default_job_config",
        "default_path",
        "failmail_ca_file",
        "failmail_each",
        "failmail_from",
        "failmail_login",
        "failmail_off",
        "failmail_password_file",
        "failmail_sendmail",
        "failmail_smtp",
        "failmail_tls",
        "failmail_to",
        "fleet_address",
        "fleet_api_key_file",
        "fleet_hosts",
        "fleet_lease_seconds",
        "fleet_namespace",
        "fleet_tags",
        "fleet_tls_ca_file",
        "fleet_tls_cert_file",
        "fleet_tls_key_file",
        "host_ping",
        "job_directory",
        "log_bytes",
        "max_concurrent",
        "metrics_textfile",
        "no_new_privileges",
        "notify",
        "output_crontab",
        "output_directory",
        "path",
        "pools",
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
        "web_allowed_hosts",
        "web_listen",
        "web_read_only",
        "web_tls_cert_file",
        "web_tls_key_file",
        "web_trusted_proxy",
        "web_url",
        "web_user_header",
        "web_users",
    )

    def __init__(self, values: "dict[str, Any]", search: Search, path: "str | None", directories: "list[str]") -> None:
        """Take the file's `values`, by attribute; `directories` are the defaults, see `Search.found`."""
        get = values.get
        self.path = path
        self.default_path = search.named is None
        self.search = search
        self.syslog_hangs = False  # set by the first line that is sent
        self.job_directory: str = get("job_directory") or directories[0]
        self.output_directory: str = get("output_directory") or directories[1]
        self.state_directory: str = get("state_directory") or directories[2]
        self.run_directory: str = get("run_directory") or layout.run_directory(self.state_directory)
        self.output_crontab: str = get("output_crontab") or directories[3]
        self.user: str | None = get("user")
        self.default_job_config: dict[str, Any] = get("default_job_config") or {}
        self.runner_path: str | None = get("runner_path")
        self.cron_template: str | None = get("cron_template")
        self.retention_runs: int = get("retention_runs", 1000)
        self.retention_days: int = get("retention_days", 90)
        self.retention_log_bytes: int = get("retention_log_bytes", 1_000_000_000)
        self.log_bytes: int = get("log_bytes", 100_000_000)
        self.no_new_privileges: bool = get("no_new_privileges", False)
        self.read_group: str | None = get("read_group")
        self.trusted_owner: str | None = get("trusted_owner")
        self.trusted_group: str | None = get("trusted_group")
        self.allow_network_state: bool = get("allow_network_state", False)
        self.syslog_address: str = get("syslog_address", "/dev/log")
        self.syslog_facility: str = get("syslog_facility", "cron")
        self.failmail_to: list[str] = get("failmail_to") or []
        self.failmail_from: str | None = get("failmail_from")
        self.failmail_smtp: str | None = get("failmail_smtp")
        self.failmail_sendmail: str | None = get("failmail_sendmail")
        self.failmail_tls: str | None = get("failmail_tls")
        self.failmail_ca_file: str | None = get("failmail_ca_file")
        self.failmail_login: str | None = get("failmail_login")
        self.failmail_password_file: str | None = get("failmail_password_file")
        self.failmail_each: bool | None = get("failmail_each")
        self.failmail_off: bool = get("failmail_off", False)
        self.notify: list[dict[str, Any]] = get("notify") or []
        self.host_ping: str | None = get("host_ping")
        self.calendars: dict[str, str] = get("calendars") or {}
        self.max_concurrent: int | None = get("max_concurrent")
        self.pools: dict[str, int] = get("pools") or {}
        self.metrics_textfile: str | None = get("metrics_textfile")
        self.web_listen: str = get("web_listen", "127.0.0.1:8765")
        self.web_url: str | None = get("web_url")
        self.web_users: dict[str, dict[str, str]] = get("web_users") or {}
        self.web_tls_cert_file: str | None = get("web_tls_cert_file")
        self.web_tls_key_file: str | None = get("web_tls_key_file")
        self.web_trusted_proxy: list[str] = get("web_trusted_proxy") or []
        self.web_user_header: str | None = get("web_user_header")
        self.web_allowed_hosts: list[str] = get("web_allowed_hosts") or []
        self.web_read_only: bool = get("web_read_only", False)
        self.fleet_hosts: dict[str, list[str]] = get("fleet_hosts") or {}
        self.fleet_address: str | None = get("fleet_address")
        self.fleet_namespace: str = get("fleet_namespace", "default")
        self.fleet_tls_ca_file: str | None = get("fleet_tls_ca_file")
        self.fleet_tls_cert_file: str | None = get("fleet_tls_cert_file")
        self.fleet_tls_key_file: str | None = get("fleet_tls_key_file")
        self.fleet_api_key_file: str | None = get("fleet_api_key_file")
        self.fleet_tags: list[str] = get("fleet_tags") or []
        self.fleet_lease_seconds: float = get("fleet_lease_seconds", 60.0)

    def __repr__(self) -> str:
        """Return the settings without the defaults of jobs, whose environment may hold secrets."""
        hidden = ("default_job_config", "search", "web_users")
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name not in hidden]
        return f"Settings({', '.join(shown)})"


def load_settings(
    named: str | None, environ: "dict[bytes, bytes]", slug_hint: str | None = None, *, root: str = ""
) -> Settings:
    """Return the settings in force. `named` is --config, `environ` is posix.environ.

    `slug_hint` is the job that will be loaded next: one cache file has both. `root` is put before the system's paths
    (/etc, /var).

    Raises BadConfiguration (78) for a configuration that is named but missing, or has faults; NotPermitted (77) for
    one that somebody else could have written.
    """
    search = Search(named, environ, slug_hint, root)
    values, path, directories = search.found()
    return Settings(values, search, path, directories)
