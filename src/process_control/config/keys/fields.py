"""THE table of keys: what may stand in a job file and in the global configuration, and what each key means.

Everything that knows keys reads them from here: the readers, the class `core.job.Job`, the reference, the example
configuration, and the suggestions in messages. What is not here: how a kind of value is read (`kinds.py`).
"""

import hashlib
import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
from process_control.config.keys.kinds import (
    ACCOUNT,
    BOOL,
    COMMAND,
    COUNT,
    CRON_TEMPLATE,
    ENVIRONMENT,
    GROUP,
    INHERIT,
    LOCK,
    LONG_TEXT,
    MAIL_ADDRESS,
    MAIL_ADDRESSES,
    MAIL_SERVER,
    MAP,
    NICE,
    PATH,
    PATHS,
    RUNNER,
    SCHEDULE,
    SENDMAIL,
    SIZE,
    SYSLOG_ADDRESS,
    TAGS,
    TARGET,
    TEXT,
    TIME,
    TIME_ABOVE_ZERO,
    TIME_ZONE,
    UMASK,
    Kind,
    known,
    one_of,
    some_of,
)
from process_control.system.syslog import FACILITIES

MEGABYTE = 1000 * 1000
GIGABYTE = 1000 * MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key. `attribute` is what it becomes; `default` is in the attribute's unit, `default_words` in people's.

    `example` is the value in YAML; of a map it is what stands below the key. A field with `spelling_of` is another way
    to write that key. A field with `fields` is a map with keys of its own, whose attributes join those of its parent,
    unless it is `whole`: then the map is one attribute, a list of maps when there may be `many`. A value that is no map
    is that of the inner key `bare`; `given` is the value of a field left out of a map that is there. A map that
    `may_be_false` is then as if it were not there, whatever the defaults say; one with `off` sets that attribute.
    """

    key: str
    kind: Kind
    meaning: str
    example: str
    attribute: str = ""
    default: Any = None
    default_words: str = ""
    spelling_of: str = ""
    required: bool = False
    supported: bool = True
    in_defaults: bool = True
    off: str = ""
    bare: str = ""
    given: Any = None
    may_be_false: bool = False
    whole: bool = False
    many: bool = False
    fields: "tuple[Field, ...]" = field(default=(), repr=False)

    @property
    def becomes(self) -> str:
        """The attribute that holds the value."""
        return self.attribute or self.key

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that this key decides."""
        if self.fields and not self.whole:
            inner = [name for each in self.fields if each.supported for name in each.attributes]
            return tuple([*inner, self.off] if self.off else inner)
        return (self.becomes,)


def later(key: str, kind: Kind, meaning: str, example: str, *, default_words: str = "") -> Field:
    """Make a field that is known and refused: its behaviour is not built yet."""
    return Field(key=key, kind=kind, meaning=meaning, example=example, default_words=default_words, supported=False)


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
ATTEMPTS_OF_A_MAP = 3
"""How many attempts a `retry` has that is there and does not say."""

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

JOB_FIELDS = (
    Field(
        key="name",
        kind=TEXT,
        required=True,
        in_defaults=False,
        meaning="The name for people, shown wherever the job is shown.",
        example="Nightly backup",
    ),
    Field(
        key="description",
        kind=LONG_TEXT,
        meaning="What the job is for and what to do when it fails: the runbook, shown with every failure.",
        example="Copies the database. When it fails, run it again.",
    ),
    Field(key="owner", kind=TEXT, meaning="Who is responsible for the job.", example="ops@example.org"),
    Field(
        key="command",
        kind=COMMAND,
        required=True,
        in_defaults=False,
        meaning="The command that is run. It is split into words like a shell's (quotes hold words together, a "
        "backslash at the end of a line joins it with the next), but no shell runs: no globbing, no pipes, "
        "no variables, and a second line is an error. For a shell, write sh -c '…'. A list runs in sequence "
        "and stops at the first failure.",
        example="/usr/local/bin/backup --all",
    ),
    Field(
        key="slow_start_command",
        kind=COMMAND,
        meaning="The command with a smaller load that `run-job --slow-start`, and a job in slow start, runs in "
        "place of `command`.",
        example="/usr/local/bin/backup --one",
    ),
    Field(
        key="schedule",
        kind=SCHEDULE,
        default=[],
        default_words="none",
        in_defaults=False,
        meaning="When the job runs, as in Vixie cron: five fields with names, ranges, steps and lists, or @hourly, "
        "@daily, @midnight, @weekly, @monthly, @yearly, @annually. When both day fields are restricted, a "
        "match of either is enough. `H` in a field picks a fixed value per host and job, so that jobs are "
        "spread out. Without a schedule the job runs by hand only.",
        example='"*/5 * * * *"',
    ),
    Field(
        key="time_zone",
        kind=TIME_ZONE,
        default_words="the host's zone",
        meaning="The time zone of the schedule. A planned time (slot) in a skipped hour runs once right after it; "
        "in a repeated hour a job with a fixed time runs once, one with a star for the minute or hour "
        "follows real time. A change of three hours or more counts as a clock that was set: no run "
        "is made up for (Debian cron's rule).",
        example="Europe/Berlin",
    ),
    later(
        "exclude",
        known("list", "a list of dates, ranges, or names of calendars"),
        "Planned times (slots) that do not run.",
        "[2027-01-01]",
    ),
    Field(
        key="disabled",
        kind=BOOL,
        default=False,
        default_words="`false`",
        meaning="No scheduled runs. The job can still be run by hand.",
        example="true",
    ),
    Field(
        key="timeout",
        kind=TIME,
        attribute="timeout_seconds",
        default=600.0,
        default_words="600 s",
        meaning="How long an attempt may take, all commands together; then all its processes are ended. 0: no limit.",
        example="30m",
    ),
    Field(
        key="kill_grace",
        kind=TIME,
        attribute="kill_grace_seconds",
        default=10.0,
        default_words="10 s",
        meaning="How long the processes have between TERM and KILL.",
        example="30s",
    ),
    Field(
        key="leftovers",
        kind=one_of("kill", "keep"),
        default="kill",
        default_words="`kill`",
        meaning="What happens to processes that the job leaves behind. `keep` is for a job that starts a service: "
        "the service continues, and its output is kept in the run's log, up to `limits.log_bytes`. Such a "
        "job does not inherit its lock.",
        example="keep",
    ),
    Field(
        key="run_unlogged",
        kind=BOOL,
        default=False,
        default_words="`false`",
        meaning="Run even when no log can be written: for the job that cleans the disk.",
        example="true",
    ),
    Field(
        key="silence_timeout",
        kind=TIME_ABOVE_ZERO,
        attribute="silence_timeout_seconds",
        default_words="none",
        meaning="How long a job may print nothing on either stream; then all its processes are ended, reason "
        "`silence`.",
        example="5m",
    ),
    Field(
        key="environment",
        kind=ENVIRONMENT,
        default={},
        default_words="none",
        meaning="Variables for the job. Values are taken as written: `010` stays `010`, `yes` stays `yes`. "
        "Merged name by name over those of `default_job_config`.",
        example="PYTHONPATH: /opt/tools\nLANG: C",
    ),
    Field(
        key="environment_file",
        kind=PATHS,
        default=[],
        default_words="none",
        meaning="Files of `KEY=value` lines, for secrets: mode 0600 or 0640, owned by the service user or root.",
        example="/etc/backup.secrets",
    ),
    Field(
        key="inherit_environment",
        kind=INHERIT,
        default=False,
        default_words="`false`",
        meaning="Pass the caller's variables to the job: all, or those named. Without it the job sees the same "
        "environment whoever starts it.",
        example="[SSH_AUTH_SOCK]",
    ),
    Field(
        key="working_directory",
        kind=PATH,
        default_words="the home of the service user",
        meaning="The directory in which the job runs.",
        example="/srv/backup",
    ),
    Field(
        key="umask",
        kind=UMASK,
        default=0o022,
        default_words="022",
        meaning="The permissions that are removed from files that the job makes.",
        example="077",
    ),
    Field(
        key="tags",
        kind=TAGS,
        default=[],
        default_words="none",
        meaning="Groups of jobs: commands accept `tag:NAME` in place of jobs. No comma or blank in a tag.",
        example="[nightly, database]",
    ),
    Field(key="tag", kind=TAGS, spelling_of="tags", attribute="tags", meaning="Another spelling.", example="nightly"),
    Field(
        key="lock",
        kind=LOCK,
        default_words="the slug",
        meaning="Jobs that name the same lock never run together.",
        example="database",
    ),
    Field(
        key="on_overlap",
        kind=one_of("skip", "queue", "replace", "fail"),
        default="skip",
        default_words="`skip`",
        meaning="What a start does while the lock is held. `skip`: a scheduled start is recorded as skipped. "
        "`queue`: it waits, at most `queue_timeout`. `replace`: the current run is stopped. `fail`: the "
        "start is a failed run. By hand all but `queue` refuse.",
        example="queue",
    ),
    Field(
        key="allow_overtime",
        kind=BOOL,
        spelling_of="on_overlap",
        attribute="on_overlap",
        meaning="The old spelling: `true` is `on_overlap: skip`, `false` is `on_overlap: fail`.",
        example="true",
    ),
    Field(
        key="queue_timeout",
        kind=TIME,
        attribute="queue_timeout_seconds",
        default=3600.0,
        default_words="1 h",
        meaning="How long a start waits for the lock with `on_overlap: queue`.",
        example="10m",
    ),
    Field(
        key="stdout",
        kind=PATH,
        meaning="A file to which stdout is also appended, unchanged, below a header line for each run. If it cannot "
        "be written, a successful run is `warned`. For a job that runs as root, the file and all "
        "directories above it must belong to root or `trusted_owner`.",
        example="/var/log/backup.out",
    ),
    Field(
        key="stdout_destination",
        kind=PATH,
        spelling_of="stdout",
        attribute="stdout",
        meaning="Another spelling.",
        example="/var/log/backup.out",
    ),
    Field(
        key="stderr",
        kind=one_of("fail", "warn", "ignore"),
        default="fail",
        default_words="`fail`",
        meaning="What output to stderr means for the run. With `verdicts` rules on stderr: what lines mean that no "
        "rule matches.",
        example="warn",
    ),
    Field(
        key="verdicts",
        kind=known(
            "list of rules",
            "a list of rules such as {exit_code: 75, verdict: retry}",
            annotation="list[dict[str, Any]]",
        ),
        default=[],
        default_words="none",
        whole=True,
        many=True,
        fields=RULE_FIELDS,
        meaning="Rules that judge a run. Each has one condition, or several that must all match, and a `verdict`. "
        "For each fact the first rule that matches decides, and the worst verdict of all facts wins: "
        "`ignore`, `warn`, `retry`, `fail`, `hold`. An exit code with the verdict `ignore` or `warn` counts "
        "as success: the next command of a list runs, and the run exits with 0. Without a rule, exit code 0 "
        "is a success; any other exit code, a signal, a timeout and stderr (as `stderr` says) are `retry` "
        "while attempts are left, else `fail`.",
        example="- {stderr: '^(DeprecationWarning|NOTICE:)', verdict: ignore}\n"
        "- {exit_code: [75, 111], verdict: retry}\n- {exit_code: 78, verdict: hold}",
    ),
    Field(
        key="retry",
        kind=known("number or map", "a number of attempts, or a map such as {attempts: 3, delay: 10s}"),
        default_words="none: one attempt",
        bare="attempts",
        fields=RETRY_FIELDS,
        meaning="Try again, within the same run and under the same lock, when the verdict on an attempt is `retry`. "
        "A number alone means `attempts`. `timeout` applies to each attempt; mail is sent about the run, "
        "not about attempts.",
        example="attempts: 5\ndelay: 30s",
    ),
    Field(
        key="backoff",
        kind=known("time, map or `false`", "a time such as 5m, or a map"),
        bare="delay",
        may_be_false=True,
        fields=BACKOFF_FIELDS,
        meaning="After a failed run, planned times (slots) within this are skipped; the time grows with each "
        "further failure. Only scheduled runs count; a success, also by hand, ends it. Without the key "
        "every planned time is run.",
        example="delay: 5m\nfactor: 2\nmax_delay: 6h",
    ),
    Field(
        key="hold",
        kind=known("map or `false`", "a map"),
        may_be_false=True,
        fields=HOLD_FIELDS,
        meaning="After this many failed runs in a row the job is put on hold: no scheduled runs until it is released, "
        "by hand or by `release_after`. Without the key only people, a verdict `hold` and a failure in slow "
        "start hold it.",
        example="after_failures: 5\nrelease_after: 1h",
    ),
    Field(
        key="slow_start",
        kind=known("map or `false`", "a map"),
        may_be_false=True,
        fields=SLOW_START_FIELDS,
        meaning="The next runs use `slow_start_command` (without one: `command`) until enough of them have "
        "succeeded; then full runs again. After one failure the job is put on hold.",
        example="runs: 3\nafter: [hold, change, new]",
    ),
    Field(
        key="start_within",
        kind=TIME_ABOVE_ZERO,
        attribute="start_within_seconds",
        default=600.0,
        default_words="10 m",
        meaning="A scheduled start that comes later than this after its planned time (slot) is skipped.",
        example="1h",
    ),
    later("after", known("list", "a list of jobs"), "Jobs after which this one runs.", "[prepare]"),
    later("max_concurrent", COUNT, "How many jobs of a chain run at once.", "2"),
    later("catch_up", known("text", "none, latest or all"), "What happens to missed planned times (slots).", "latest"),
    later("jitter", TIME, "A random delay before a scheduled start.", "30s"),
    Field(
        key="expect",
        kind=MAP,
        default={},
        default_words="none",
        whole=True,
        fields=EXPECT_FIELDS,
        meaning="What a successful run looks like. Checked once, when an attempt has ended; if it is not met, the "
        "run is `warned`, or fails with `verdict: fail`. The reason names the expected and the actual "
        "value.",
        example="longer_than: 5s\nfile: {path: /srv/backup/db.dump}\nnumber: {stdout: 'rows: (\\d+)', at_least: 1}",
    ),
    Field(
        key="limits",
        kind=MAP,
        fields=LIMIT_FIELDS,
        meaning="What a run may use.",
        example="log_bytes: 10 MB",
    ),
    replace(
        FAILMAIL,
        default_words="as the configuration says",
        meaning="Who gets mail about failed runs of this job, and how it is sent; overrides the configuration, "
        "field by field. `false`: nobody.",
        example="to_address: shop@example.org",
    ),
    Field(
        key="failure_threshold_for_mail",
        kind=COUNT,
        default=1,
        default_words="1",
        meaning="Send mail from this failed run in a row on. A success resets the count.",
        example="3",
    ),
    later("notify", known("list", "a list of channels"), "More channels for messages.", "[{url: json://example.org}]"),
    later("ping", known("URL", "a URL"), "A dead-man's-switch service.", "https://ping.example.org/abc"),
)

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
    replace(
        FAILMAIL,
        meaning="Who gets mail about failed runs, and how it is sent. One mail for each failed or lost run and for "
        "each refused start, and one when the job has recovered. A separate process sends it, after "
        "everything was recorded; if no server accepts it, it waits and is tried again.",
    ),
    later("max_concurrent", COUNT, "How many runs the scheduler starts at once.", "20"),
    later("notify", known("list", "a list of channels"), "More channels for messages.", "[{url: json://example.org}]"),
    later("metrics", MAP, "Where metrics are written.", "{textfile: /var/lib/node_exporter/process-control.prom}"),
    later("web", MAP, "The web pages.", "{address: 127.0.0.1:8080}"),
    later("fleet", MAP, "The fleet of hosts.", "{address: temporal.example.org:7233}"),
    later("calendars", MAP, "Named lists of dates for `exclude`.", "{holidays: [2027-01-01]}"),
)

DEFAULT_LOG_BYTES = 100 * MEGABYTE


def supported_attributes(fields: tuple[Field, ...]) -> dict[str, Field]:
    """Return every attribute that `fields` decide, with the field that is its main spelling."""
    found: dict[str, Field] = {}
    for each in fields:
        if not each.supported or each.spelling_of:
            continue
        if each.fields and not each.whole:
            found.update(supported_attributes(each.fields))
            if each.off:
                found[each.off] = Field(key=each.key, kind=BOOL, default=False, meaning=each.meaning, example="false")
        else:
            found[each.becomes] = each
    return found


def defaults(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return the attributes and their values when no file says anything."""
    return {name: each.default for name, each in supported_attributes(fields).items()}


READERS = (
    *("config/command_words.py", "config/keys/conditions.py", "config/configuration.py", "config/yaml/document.py"),
    *(
        "config/keys/failmail.py",
        "config/keys/regex_cost.py",
        "config/job_file.py",
        "config/keys/kinds.py",
        "config/keys/map_reader.py",
    ),
    *("config/yaml/nodes.py", "config/odd_places.py", "config/keys/rule_checks.py", "config/yaml/repair.py"),
    *("core/schedule/columns.py", "core/schedule/cron_fields.py", "core/schedule/schedule.py"),
)
"""What decides, besides the tables, what a file says and whether it is valid."""


def fingerprint() -> str:
    """Return a word that changes when the tables or the readers do: what others have read counts nothing in a cache."""
    package = Path(__file__).parents[2]
    rows = [hashlib.sha256((package / name).read_bytes()).hexdigest() for name in READERS]

    def add(fields: tuple[Field, ...]) -> None:
        for each in fields:
            rows.append(
                f"{each.key} {each.becomes} {each.kind.name} {each.kind.annotation} {each.default!r} {each.supported}"
            )
            add(each.fields)

    add(JOB_FIELDS)
    add(CONFIGURATION_FIELDS)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]


def example_entry(field: Field) -> str:
    """Return the lines of YAML that set `field` as in its example."""
    if "\n" in field.example or field.fields:
        return f"{field.key}:\n{textwrap.indent(field.example, '  ')}"
    return f"{field.key}: {field.example}"
