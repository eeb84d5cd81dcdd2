"""The tables of keys inside of maps, some of which job file and configuration share."""

from process_control.config.keys.conditions import (
    ATTEMPTS,
    EXIT_CODES,
    FACTOR,
    IF_TRUE,
    NUMBER,
    PART,
    REGEX,
    SIGNAL_NAMES,
    SIZE_BOUND,
)
from process_control.config.keys.field import Field
from process_control.config.keys.kind import MAP, known
from process_control.config.keys.list_kinds import MAIL_ADDRESSES, ONE_COMMAND, TAGS, some_of
from process_control.config.keys.notify_kinds import NOTIFY_URL, PING_URL
from process_control.config.keys.number_kinds import BOOL, COUNT, NICE, SIZE, TIME, TIME_ABOVE_ZERO
from process_control.config.keys.text_kinds import LOCK, MAIL_ADDRESS, MAIL_SERVER, PATH, SENDMAIL, TEXT, one_of
from process_control.core import chain

LIMIT_FIELDS = (
    Field(
        key="log_bytes",
        kind=SIZE,
        attribute="log_bytes",
        default_words="100 MB",
        meaning="How large the log of one run may become. Of more output the middle is dropped: the beginning and "
        "the last 1 MiB are kept. The job continues, and the log shows where output is missing.",
        example="100 MB",
    ),
    Field(
        key="memory",
        kind=SIZE,
        attribute="memory_limit_bytes",
        default_words="none",
        meaning="How much memory all processes of the job may use together; beyond it the kernel kills them, reason "
        "`oom`. Needs a writable cgroup v2.",
        example="512 MiB",
    ),
    Field(
        key="processes",
        kind=COUNT,
        attribute="processes_limit",
        default_words="none",
        meaning="How many processes and threads the job may have at once. Needs a writable cgroup v2.",
        example="100",
    ),
    Field(
        key="cpu_seconds",
        kind=COUNT,
        attribute="cpu_seconds_limit",
        default_words="none",
        meaning="How much CPU time each process may use; beyond it, it gets signal XCPU, and KILL five seconds later.",
        example="600",
    ),
    Field(
        key="open_files",
        kind=COUNT,
        attribute="open_files_limit",
        default_words="as run-job's caller has it",
        meaning="How many files each process may have open.",
        example="1024",
    ),
    Field(
        key="file_size",
        kind=SIZE,
        attribute="file_size_limit_bytes",
        default_words="none",
        meaning="How large a file may be that the job writes; a process that writes beyond it gets signal XFSZ.",
        example="1 GB",
    ),
    Field(
        key="nice",
        kind=NICE,
        attribute="nice",
        default_words="as run-job's caller has it",
        meaning="The priority as in nice(1): 19 is the lowest. Values below 0 need a job that runs as root.",
        example="10",
    ),
    Field(
        key="io_class",
        kind=one_of("idle", "best-effort", "realtime"),
        attribute="io_class",
        default_words="none",
        meaning="The class for disk access as in ionice(1). `realtime` needs a job that runs as root.",
        example="idle",
    ),
    Field(
        key="required",
        kind=BOOL,
        attribute="limits_required",
        default=False,
        default_words="`false`",
        meaning="Refuse to start (78) if one of these limits cannot be enforced. Without it the job runs, and is "
        "`warned` once a day.",
        example="true",
    ),
)
VERDICT = one_of("ignore", "warn", "retry", "fail", "hold")
RULE_FIELDS = (
    Field(key="exit_code", kind=EXIT_CODES, meaning="The command exited with one of these.", example="[75, 111]"),
    Field(
        key="signal",
        kind=SIGNAL_NAMES,
        meaning="The command was ended by one of these signals (not sent by process-control).",
        example="KILL",
    ),
    Field(key="stderr", kind=REGEX, meaning="A line of stderr matches.", example="'^(DeprecationWarning|NOTICE:)'"),
    Field(key="stdout", kind=REGEX, meaning="A line of stdout matches.", example="'deadlock detected'"),
    Field(key="stdout_missing", kind=REGEX, meaning="No line of stdout matched.", example="'^done$'"),
    Field(key="timeout", kind=IF_TRUE, meaning="The attempt was ended by its `timeout`.", example="true"),
    Field(key="silence", kind=IF_TRUE, meaning="The attempt was ended by its `silence_timeout`.", example="true"),
    Field(
        key="shorter_than",
        kind=TIME_ABOVE_ZERO,
        meaning="The attempt took less than this.",
        example="5s",
    ),
    Field(key="longer_than", kind=TIME_ABOVE_ZERO, meaning="The attempt took more than this.", example="1h"),
    Field(key="leftovers", kind=IF_TRUE, meaning="Processes were left behind. Without a rule: `warn`.", example="true"),
    Field(
        key="verdict",
        kind=VERDICT,
        default_words="required",
        meaning="The verdict on each fact that the conditions name. `retry`: a failure that is tried again while "
        "attempts are left. `hold`: a failure that also prevents scheduled runs until somebody releases the "
        "job.",
        example="retry",
    ),
)
EXPECT_FILE_FIELDS = (
    Field(key="path", kind=PATH, default_words="required", meaning="The file.", example="/srv/backup/db.dump"),
    Field(
        key="newer_than_start",
        kind=BOOL,
        default_words="`true`",
        meaning="The file must have been written after the attempt began; `false`: it must only exist.",
        example="true",
    ),
)
EXPECT_NUMBER_FIELDS = (
    Field(
        key="stdout",
        kind=REGEX,
        default_words="required",
        meaning="Its first group is the number; the last matching line of stdout counts.",
        example=r"'rows: (\d+)'",
    ),
    Field(key="at_least", kind=NUMBER, meaning="The number must not be below this.", example="1"),
    Field(key="at_most", kind=NUMBER, meaning="The number must not be above this.", example="1000"),
)
EXPECT_FIELDS = (
    Field(
        key="success_every",
        kind=TIME_ABOVE_ZERO,
        meaning="The job must have a run that succeeded or warned at least this often, whatever its schedule says; "
        "else it is stale: `status` shows it, and `check` warns. A job that never succeeded counts from when its file "
        "came; a disabled one is never stale. No run is judged by this.",
        example="26h",
    ),
    Field(key="shorter_than", kind=TIME_ABOVE_ZERO, meaning="The attempt must take less than this.", example="10m"),
    Field(key="longer_than", kind=TIME_ABOVE_ZERO, meaning="The attempt must take more than this.", example="5s"),
    Field(
        key="stdout_bytes",
        kind=SIZE_BOUND,
        meaning='How much must be printed to stdout: `">0"`, `">="`, `"<"`, `"<="`, `"="` and a size, or a range '
        "such as `1 kB-2 MB`.",
        example='">0"',
    ),
    Field(
        key="file",
        kind=MAP,
        whole=True,
        fields=EXPECT_FILE_FIELDS,
        meaning="A file must exist.",
        example="path: /srv/backup/db.dump",
    ),
    Field(
        key="number",
        kind=MAP,
        whole=True,
        fields=EXPECT_NUMBER_FIELDS,
        meaning="A number that is printed must be within bounds.",
        example="stdout: 'rows: (\\d+)'\nat_least: 1",
    ),
    Field(
        key="verdict",
        kind=one_of("warn", "fail"),
        default_words="`warn`",
        meaning="The verdict if an expectation is not met.",
        example="fail",
    ),
)
RETRY_FIELDS = (
    Field(
        key="attempts",
        kind=ATTEMPTS,
        attribute="retry_attempts",
        default=1,
        default_words="3",
        meaning="How many tries there are, the first one included.",
        example="3",
    ),
    Field(
        key="delay",
        kind=TIME,
        attribute="retry_delay_seconds",
        default=10.0,
        default_words="10 s",
        meaning="How long the run waits before the second one.",
        example="10s",
    ),
    Field(
        key="factor",
        kind=FACTOR,
        attribute="retry_factor",
        default=2.0,
        default_words="2",
        meaning="The delay is multiplied by this each time.",
        example="2",
    ),
    Field(
        key="max_delay",
        kind=TIME,
        attribute="retry_max_delay_seconds",
        default=600.0,
        default_words="10 m",
        meaning="The longest delay.",
        example="10m",
    ),
    Field(
        key="jitter",
        kind=PART,
        attribute="retry_jitter",
        default=0.1,
        default_words="10%",
        meaning="Each delay is made longer or shorter at random by up to this.",
        example="10%",
    ),
)
#: The attempts of a `retry` map that does not set them.
DEFAULT_ATTEMPTS = 3
FAILMAIL_FIELDS = (
    Field(
        key="to_address",
        kind=MAIL_ADDRESSES,
        attribute="failmail_to",
        default=[],
        default_words="none: no mail",
        meaning="Who gets the mail.",
        example="ops@example.org",
    ),
    Field(
        key="from_address",
        kind=MAIL_ADDRESS,
        attribute="failmail_from",
        default_words="the service user at this host",
        meaning="The sender.",
        example="process-control@example.org",
    ),
    Field(
        key="smtp",
        kind=MAIL_SERVER,
        attribute="failmail_smtp",
        default_words="`localhost:25`, unless there is a sendmail",
        meaning="The mail server.",
        example="mail.example.org:587",
    ),
    Field(
        key="sendmail",
        kind=SENDMAIL,
        attribute="failmail_sendmail",
        default_words="`/usr/sbin/sendmail` when it is there and no `smtp` is named",
        meaning="The program that sends the mail, in place of a server; its path alone, without arguments.",
        example="/usr/sbin/sendmail",
    ),
    Field(
        key="tls",
        kind=one_of("none", "starttls", "implicit"),
        attribute="failmail_tls",
        default_words="by port: 465 `implicit`, 587 `starttls`, else `none`",
        meaning="How the connection is encrypted. The server's certificate must match its name.",
        example="starttls",
    ),
    Field(
        key="ca_file",
        kind=PATH,
        attribute="failmail_ca_file",
        default_words="the host's",
        meaning="The certificates to trust, for a server with a private certificate authority.",
        example="/etc/ssl/certs/our-ca.pem",
    ),
    Field(
        key="login",
        kind=TEXT,
        attribute="failmail_login",
        default_words="none",
        meaning="The name to log in with; needs `password_file`, and TLS unless the server is on this host.",
        example="process-control",
    ),
    Field(
        key="password_file",
        kind=PATH,
        attribute="failmail_password_file",
        default_words="none",
        meaning="The file whose first line is the password: mode 0600 or 0640, owned by the service user or root.",
        example="/etc/process-control.password",
    ),
    Field(
        key="each",
        kind=BOOL,
        attribute="failmail_each",
        default_words="`false`",
        meaning="A mail for every failed run, in place of one when the first fails, and reminders.",
        example="true",
    ),
)
FAILMAIL = Field(
    key="failmail",
    kind=known("map or `false`", "a map, or false"),
    default_words="none: no mail",
    off="failmail_off",
    fields=FAILMAIL_FIELDS,
    meaning="Who gets mail about failed runs, and how it is sent.",
    example="to_address: ops@example.org\nsmtp: mail.example.org:587",
)
OWNER_FIELDS = (
    Field(
        key="team",
        kind=TEXT,
        attribute="owner",
        default_words="the address",
        meaning="The name of whoever is responsible, shown wherever the job is shown.",
        example="Database",
    ),
    Field(
        key="mail",
        kind=MAIL_ADDRESSES,
        attribute="owner_mail",
        default=[],
        default_words="none; `owner: ADDRESS` sets both",
        meaning="Who gets the mails about the job, in place of `failmail.to_address`. `failmail: false` switches "
        "these off too.",
        example="dba@example.org",
    ),
    Field(
        key="runbook",
        kind=TEXT,
        attribute="owner_runbook",
        default_words="none",
        meaning="Where it is written what to do when the job fails; shown in messages.",
        example="https://wiki.example.org/backup",
    ),
)
#: The words of `notify.on`: causes of incidents, all that concern a whole host, and the end of an incident.
ON_WORDS = ("failed", "lost", "missed", "stale", "skipped", "refused", "host", "recovered")
NOTIFY_FIELDS = (
    Field(
        key="url",
        kind=NOTIFY_URL,
        default_words="required, unless there is a `url_file`",
        meaning="`mailto:` and addresses, separated by commas: mail, sent as `failmail` says. `https://…`: a webhook; "
        "`http://` for this host only. `alertmanager+http://` or `alertmanager+https://` and `host:port`: "
        "Prometheus' Alertmanager. `exec:`, the whole path of a program, and arguments if need be: it gets JSON on "
        "stdin. Any other `scheme://`: as apprise has it (extra `process-control[notify]`). A URL with a secret in it "
        "(a password, a token as a parameter, and most URLs of apprise) is refused here: it belongs in `url_file`.",
        example="mailto:ops@example.org,dba@example.org",
    ),
    Field(
        key="url_file",
        kind=PATH,
        default_words="none",
        meaning="A file whose first line is the URL, for a URL with a secret in it: mode 0600 or 0640, owned by the "
        "service user or root.",
        example="/etc/process-control.chat",
    ),
    Field(
        key="key_file",
        kind=PATH,
        default_words="none: not signed",
        meaning="A file whose first line is the key that signs what a webhook gets; mode and owner as of `url_file`.",
        example="/etc/process-control.webhook-key",
    ),
    Field(
        key="on",
        kind=some_of(*ON_WORDS),
        default_words="all",
        meaning="About what. `failed`, `lost`, `missed`, `stale`, `skipped` (not by choice), `refused`: trouble with a "
        "job; `host`: trouble with the host as a whole; `recovered`: the end of what was reported.",
        example="[failed, lost, recovered]",
    ),
    Field(
        key="tags",
        kind=TAGS,
        default_words="all jobs, and the host",
        meaning="Only about jobs with one of these tags. In the configuration only.",
        example="[database]",
    ),
    Field(
        key="after",
        kind=COUNT,
        default_words="`failure_threshold_for_mail` of the job",
        meaning="From this trouble in a row on: a job that fails once and then succeeds need not be reported.",
        example="3",
    ),
    Field(
        key="remind",
        kind=TIME,
        default_words="24 h",
        meaning="How long after a message there is a reminder, if nothing has changed. 0: never.",
        example="4h",
    ),
)
NOTIFY = Field(
    key="notify",
    kind=known(
        "list of recipients",
        "a list such as [{url: 'mailto:ops@example.org'}]",
        annotation="list[dict[str, Any]]",
    ),
    default=[],
    default_words="none",
    bare="url",
    off="notify_off",
    whole=True,
    many=True,
    fields=NOTIFY_FIELDS,
    meaning="Who is notified of trouble with this job, besides the mails of `failmail` and besides the `notify` of the "
    "configuration. Replaces the list of `default_job_config` whole. `false`, or an empty list: nobody, not by the "
    "configuration's either; `failmail` stays as it is. Text alone means `url`.",
    example="- url: mailto:dba@example.org\n  on: [failed, lost, missed]\n"
    "- {url_file: /etc/process-control.chat, after: 3, remind: 4h}",
)
PING_FIELDS = (
    Field(
        key="url",
        kind=PING_URL,
        attribute="ping_url",
        default_words="required",
        meaning="The URL of the check: `/start` and `/<exit code>` are added to it, and `{slug}` in it is the name of "
        "the job.",
        example="https://hc-ping.com/PING-KEY/backup",
    ),
    Field(
        key="api_key_file",
        kind=PATH,
        attribute="ping_api_key_file",
        default_words="none",
        meaning="A file whose first line is the key of the service's Management API; mode and owner as of other files "
        "with secrets. With it the check is made, and brought in line with schedule, time zone and `start_within` "
        "when the job changes. Without it the schedule stands in two places.",
        example="/etc/process-control.healthchecks",
    ),
)
CATCH_UP_FIELDS = (
    Field(
        key="which",
        kind=one_of("none", "latest", "all"),
        attribute="catch_up_which",
        given="latest",
        default_words="`latest`",
        meaning="`latest`: one run at most, for the newest missed time, and none once a later one was started. "
        "`all`: a run for each, the oldest first. `none`: missed times stay missed.",
        example="all",
    ),
    Field(
        key="within",
        kind=TIME_ABOVE_ZERO,
        attribute="catch_up_within_seconds",
        default=86400.0,
        default_words="24 h",
        meaning="How old a missed time may be. A start by cron that comes so late is not skipped either: for it, this "
        "replaces `start_within`.",
        example="24h",
    ),
)
AFTER_FIELDS = (
    Field(
        key="job",
        kind=LOCK,
        default_words="required",
        meaning="The cause: the job that is to run first.",
        example="load",
    ),
    Field(
        key="on",
        kind=one_of(*chain.CONDITIONS),
        default_words="`success`",
        meaning="How the run of the cause must end: `success` (a warned run is one), `failure` (a lost run is one), or "
        "`always`: however it ends. A planned time that the cause skipped or missed is none of them.",
        example="failure",
    ),
    Field(
        key="within",
        kind=TIME_ABOVE_ZERO,
        attribute="within_seconds",
        default_words="as `start_within`",
        meaning="How long a start by the job's own `schedule` waits for the cause's run. Without a `schedule` nothing "
        "waits: the end of the cause starts the job.",
        example="2h",
    ),
)
BACKOFF_FIELDS = (
    Field(
        key="delay",
        kind=TIME_ABOVE_ZERO,
        attribute="backoff_delay_seconds",
        given=300.0,
        default_words="5 m",
        meaning="How long after the end of the first failed run.",
        example="5m",
    ),
    Field(
        key="factor",
        kind=FACTOR,
        attribute="backoff_factor",
        given=2.0,
        default_words="2",
        meaning="How much longer after each further one.",
        example="2",
    ),
    Field(
        key="max_delay",
        kind=TIME_ABOVE_ZERO,
        attribute="backoff_max_delay_seconds",
        given=21600.0,
        default_words="6 h",
        meaning="The longest time.",
        example="6h",
    ),
)
HOLD_FIELDS = (
    Field(
        key="after_failures",
        kind=COUNT,
        attribute="hold_after_failures",
        given=5,
        default_words="5",
        meaning="The job is put on hold after this many failed runs in a row. Only scheduled runs count.",
        example="5",
    ),
    Field(
        key="release_after",
        kind=TIME,
        attribute="hold_release_after_seconds",
        given=3600.0,
        default_words="1 h",
        meaning="After this time one scheduled run is tried with `slow_start_command` (a probe); if it succeeds, "
        "the job is released, otherwise the time starts again. Not for a hold by hand, or after a failure "
        "that cannot be recovered (verdict `hold`). 0: never.",
        example="1h",
    ),
)
ONLY_IF_FIELDS = (
    Field(
        key="command",
        kind=ONE_COMMAND,
        attribute="only_if_command",
        default_words="required",
        meaning="The command. It is split into words like `command`; no shell runs.",
        example="test -e /srv/import/ready",
    ),
    Field(
        key="timeout",
        kind=TIME_ABOVE_ZERO,
        attribute="only_if_timeout_seconds",
        given=10.0,
        default_words="10 s",
        meaning="How long it may take; then all its processes are ended, and the run has failed.",
        example="1m",
    ),
)
SLOW_START_FIELDS = (
    Field(
        key="runs",
        kind=COUNT,
        attribute="slow_start_runs",
        given=3,
        default_words="3",
        meaning="How many runs with `slow_start_command` must succeed.",
        example="3",
    ),
    Field(
        key="after",
        kind=some_of("hold", "change", "new"),
        attribute="slow_start_after",
        default=[],
        given=["hold", "change", "new"],
        default_words="all three",
        meaning="When it begins. `hold`: after the release of a hold; `change`: when the job file, or a program "
        "that a command names (its inode, size or time), has changed since the last run; `new`: with the "
        "very first run.",
        example="[hold, change]",
    ),
)
