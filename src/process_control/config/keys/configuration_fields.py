"""The table of keys of the global configuration."""

from process_control.config.keys.exclude_kinds import CALENDARS
from process_control.config.keys.field import Field
from process_control.config.keys.fleet_hosts import HOSTS_FIELD
from process_control.config.keys.inner_fields import FAILMAIL, LIMIT_FIELDS, NOTIFY
from process_control.config.keys.kind import MAP
from process_control.config.keys.notify_kinds import PING_URL
from process_control.config.keys.number_kinds import BOOL, COUNT, SIZE
from process_control.config.keys.pool_kinds import PLACES, POOLS
from process_control.config.keys.temporal_fields import TEMPORAL_FIELDS
from process_control.config.keys.text_kinds import (
    ACCOUNT,
    CRON_TEMPLATE,
    GROUP,
    PATH,
    RUNNER,
    SYSLOG_ADDRESS,
    TARGET,
    one_of,
)
from process_control.config.keys.web_kinds import WEB_FIELDS
from process_control.system.syslog import FACILITIES

MEGABYTE = 1000 * 1000
GIGABYTE = 1000 * MEGABYTE
RETENTION_FIELDS = (
    Field(
        key="runs",
        kind=COUNT,
        attribute="retention_runs",
        default=1000,
        default_words="1000",
        meaning="How many runs of a job are kept.",
        example="1000",
    ),
    Field(
        key="days",
        kind=COUNT,
        attribute="retention_days",
        default=90,
        default_words="90",
        meaning="How many days runs and the journal are kept.",
        example="90",
    ),
    Field(
        key="log_bytes",
        kind=SIZE,
        attribute="retention_log_bytes",
        default=GIGABYTE,
        default_words="1 GB",
        meaning="How large the logs of a job may be together.",
        example="1 GB",
    ),
)
SYSLOG_FIELDS = (
    Field(
        key="address",
        kind=SYSLOG_ADDRESS,
        attribute="syslog_address",
        default="/dev/log",
        default_words="`/dev/log`",
        meaning="The path of a datagram socket, or `host:port` (UDP). The host is an IP address, or a name in "
        "/etc/hosts: no name server is used, since an unreachable one would delay every run.",
        example="192.0.2.7:514",
    ),
    Field(
        key="facility",
        kind=one_of(*FACILITIES),
        attribute="syslog_facility",
        default="cron",
        default_words="`cron`",
        meaning="The syslog facility.",
        example="daemon",
    ),
)
METRICS_FIELDS = (
    Field(
        key="textfile",
        kind=PATH,
        attribute="metrics_textfile",
        default_words="none",
        meaning="The file that each look of `watch` replaces by the metrics of all jobs, for the textfile collector of "
        "node_exporter, which reads names that end in `.prom`. The service user writes it: it must own the directory.",
        example="/srv/metrics/process-control.prom",
    ),
)
CONFIGURATION_FIELDS = (
    Field(
        key="job_directory",
        kind=PATH,
        default_words="`/var/lib/process-control`; `$XDG_CONFIG_HOME/process-control/jobs`",
        meaning="The directory of the job files. It must exist; its path may contain symbolic links.",
        example="/var/lib/process-control",
    ),
    Field(
        key="output_directory",
        kind=PATH,
        default_words="`/var/log/process-control`; `$XDG_STATE_HOME/process-control/log`",
        meaning="The directory for the logs of runs.",
        example="/var/log/process-control",
    ),
    Field(
        key="state_directory",
        kind=PATH,
        default_words="`/var/lib/process-control-state`; `$XDG_STATE_HOME/process-control`",
        meaning="The directory for journal and history. It must be on a local disk.",
        example="/var/lib/process-control-state",
    ),
    Field(
        key="run_directory",
        kind=PATH,
        default_words="`run` in the state directory",
        meaning="The directory for the locks. It must be on a local disk, and the same whoever starts a job.",
        example="/var/lib/process-control-state/run",
    ),
    Field(
        key="output_crontab",
        kind=TARGET,
        default_words="`/etc/cron.d/process-control`; `console`",
        meaning="The crontab that `cron-generate` writes; the word `console` prints it.",
        example="/etc/cron.d/process-control",
    ),
    Field(
        key="user",
        kind=ACCOUNT,
        default_words="the account that runs it",
        meaning="The service user: the one account that jobs run as.",
        example="jobs",
    ),
    Field(
        key="default_job_config",
        kind=MAP,
        default={},
        default_words="none",
        meaning="Defaults for every key of the job file but `name`, `command` and `schedule`. `environment` is merged "
        "name by name; every other key of a job replaces the default whole.",
        example="timeout: 30m\nenvironment:\n  LANG: C.UTF-8",
    ),
    Field(
        key="runner_path",
        kind=RUNNER,
        default_words="the interpreter and its stub",
        meaning="The `run-job` that generated crontabs call.",
        example="/usr/bin/run-job",
    ),
    Field(
        key="cron_template",
        kind=CRON_TEMPLATE,
        default_words="a comment and a line",
        meaning="What is written to the crontab for each job; it may have several lines. The command is already "
        "escaped for cron.",
        example='"# {source}\\n{schedule} {user} {command}\\n"',
    ),
    Field(
        key="retention",
        kind=MAP,
        fields=RETENTION_FIELDS,
        meaning="How much of each job is kept. Applied once a day at the end of a run, and by `process-control prune`.",
        example="runs: 1000\ndays: 90\nlog_bytes: 1 GB",
    ),
    Field(
        key="limits",
        kind=MAP,
        fields=(LIMIT_FIELDS[0],),
        meaning="What each run may use, unless its job says otherwise.",
        example="log_bytes: 100 MB",
    ),
    Field(
        key="no_new_privileges",
        kind=BOOL,
        default=False,
        default_words="`false`",
        meaning="Jobs cannot gain privileges, not even by set-user-ID programs such as sudo.",
        example="true",
    ),
    Field(
        key="read_group",
        kind=GROUP,
        default_words="none",
        meaning="Members of this group may look at jobs, runs and logs.",
        example="ops",
    ),
    Field(
        key="trusted_owner",
        kind=ACCOUNT,
        default_words="none",
        meaning="Besides root, the one account whose job files may run as root.",
        example="deploy",
    ),
    Field(
        key="trusted_group",
        kind=GROUP,
        default_words="none",
        meaning="A group that may write job files and their directory.",
        example="deployers",
    ),
    Field(
        key="allow_network_state",
        kind=BOOL,
        default=False,
        default_words="`false`",
        meaning="Accept state on a network disk, although locks are not reliable there: without any guarantee.",
        example="true",
    ),
    Field(
        key="syslog",
        kind=MAP,
        fields=SYSLOG_FIELDS,
        meaning="Where every start, skip, end and stop of a run and every change of the crontab is logged, besides "
        "the journal. A run never waits for it, and works without a syslog.",
        example="address: 192.0.2.7:514\nfacility: daemon",
    ),
    FAILMAIL._replace(
        meaning="Who gets mail about trouble with jobs, and how it is sent. One mail when a job fails, is lost, missed "
        "or refused, a reminder after a day, and one when it has recovered; with `each: true` one for each failed run. "
        "A separate process sends it, after everything was recorded; if no server accepts it, it waits and is tried "
        "again.",
    ),
    NOTIFY._replace(
        off="",
        may_be_false=False,
        default_words="none",
        meaning="Who is notified of trouble with any job and with the host, besides the mails of `failmail`. The "
        "`notify` of a job file, or of `default_job_config`, names recipients in addition. Text alone means `url`.",
    ),
    Field(
        key="host_ping",
        kind=PING_URL,
        default_words="none",
        meaning="A dead man's switch (healthchecks.io, or your own) for the host: `process-control watch` pings it at "
        "each look, and pings URL/fail, with their number, while jobs are overdue.",
        example="https://hc-ping.com/PING-KEY/this-host",
    ),
    Field(
        key="calendars",
        kind=CALENDARS,
        default={},
        default_words="none",
        meaning="Calendars by name, for the key `exclude` of jobs: each an iCalendar file (.ics; at most 1 MiB, not "
        "writable by others, of root, the service user or the owner of the job directory; a relative path is relative "
        "to the configuration) or holidays:REGION. They need the extra `process-control[calendars]`.",
        example="{ops: /etc/ops.ics, de: 'holidays:DE-BY'}",
    ),
    Field(
        key="max_concurrent",
        kind=PLACES,
        default_words="no limit",
        meaning="How many runs may go at once on this host, whoever started them. A scheduled start waits for a place, "
        "at most the `queue_timeout` of its job; a start by hand is refused, unless `--wait` or `--force` is given. A "
        "job that a job starts (`run-job x` in its command) runs in the place of that one.",
        example="20",
    ),
    Field(
        key="pools",
        kind=POOLS,
        default={},
        default_words="none",
        meaning="Pools by name, each with how many of its jobs may run at once (`at_once`). A job names its pool "
        "with the key `pool`.",
        example="{db: {at_once: 4}}",
    ),
    Field(
        key="metrics",
        kind=MAP,
        fields=METRICS_FIELDS,
        meaning="Where the metrics for Prometheus are written, without being asked for: see `process-control metrics`.",
        example="textfile: /srv/metrics/process-control.prom",
    ),
    Field(
        key="web",
        kind=MAP,
        fields=WEB_FIELDS,
        meaning="The page: see `process-control web`.",
        example="listen: 127.0.0.1:8765",
    ),
    Field(
        key="fleet",
        kind=MAP,
        fields=(HOSTS_FIELD, *TEMPORAL_FIELDS),
        meaning="Other hosts: those to look at with `--host`, and the server that runs jobs on many hosts, see "
        "`process-control fleet`.",
        example="hosts: {prod: [web1, ops@web2]}",
    ),
)
DEFAULT_LOG_BYTES = 100 * MEGABYTE
