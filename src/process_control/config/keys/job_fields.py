"""The table of keys of the job file."""

from process_control.config.keys.environment_kinds import ENVIRONMENT, INHERIT
from process_control.config.keys.exclude_kinds import EXCLUDE
from process_control.config.keys.field import Field
from process_control.config.keys.inner_fields import (
    AFTER_FIELDS,
    BACKOFF_FIELDS,
    CATCH_UP_FIELDS,
    EXPECT_FIELDS,
    FAILMAIL,
    HOLD_FIELDS,
    LIMIT_FIELDS,
    NOTIFY,
    ONLY_IF_FIELDS,
    OWNER_FIELDS,
    PING_FIELDS,
    RETRY_FIELDS,
    RULE_FIELDS,
    SLOW_START_FIELDS,
)
from process_control.config.keys.kind import MAP, known
from process_control.config.keys.list_kinds import COMMAND, PATHS, SCHEDULE, TAGS
from process_control.config.keys.number_kinds import BOOL, COUNT, TIME, TIME_ABOVE_ZERO, TIME_WITHIN_A_DAY, UMASK
from process_control.config.keys.run_on_kinds import RUN_ON
from process_control.config.keys.text_kinds import LOCK, LONG_TEXT, PATH, TEXT, TIME_ZONE, one_of

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
    Field(
        key="owner",
        kind=known("text or map", "text, an address, or a map such as {team: Database, mail: dba@example.org}"),
        default_words="none",
        bare="team",
        fields=OWNER_FIELDS,
        meaning="Who is responsible for the job. An address here, or in `mail` of the map, gets the mails about the "
        "job instead of `failmail.to_address`.",
        example="team: Database\nmail: dba@example.org\nrunbook: https://wiki.example.org/backup",
    ),
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
    Field(
        key="exclude",
        kind=EXCLUDE,
        default=[],
        default_words="none",
        meaning="Days on which planned times (slots) are skipped, in the time zone of the schedule: dates "
        "(2026-12-24), ranges (2026-12-24..2027-01-02), the public holidays of a region (holidays:DE-BY), or names of "
        "the `calendars` of the configuration. An event of a calendar excludes each day that it touches. By hand the "
        "job runs. Holidays and calendars need the extra `process-control[calendars]`.",
        example="[2026-12-24, 2026-12-27..2027-01-02]",
    ),
    Field(
        key="only_if",
        kind=known("text, map or `false`", "a command such as test -e /srv/ready, or a map"),
        bare="command",
        may_be_false=True,
        fields=ONLY_IF_FIELDS,
        meaning="A command that decides whether the job runs now. It gets all that a command of the job gets: user, "
        "environment, directory, limits. Exit code 0: the job runs. 1 to 125 and 128 to 254: the planned time (slot) "
        "is skipped, reason `condition`, with the last line of its stdout; a start by hand is refused (75), and "
        "`run-job --force` runs it without asking. 126, 127, 255, a signal or its timeout: the run has failed, reason "
        "`condition` (75); it is reported and mailed, not tried again, and does not count for `backoff` and `hold`. "
        "`--dry-run` does not run it. After a wait (`jitter`, `on_overlap: queue`) it is run once more. Text alone "
        "means `command`.",
        example="command: test -e /srv/import/ready\ntimeout: 10s",
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
        meaning="How long a start waits: for the lock with `on_overlap: queue`, and for a place in its `pool` or on a "
        "host with `max_concurrent`.",
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
    Field(
        key="jitter",
        kind=TIME_WITHIN_A_DAY,
        attribute="jitter_seconds",
        default_words="none",
        meaning="Each scheduled start waits for a random time up to this, at most 24 h, so that many jobs or hosts do "
        "not begin at once. `start_within` applies when the start arrives, not after this wait. Not by hand.",
        example="5m",
    ),
    Field(
        key="after",
        kind=known(
            "job or list of jobs",
            "the name of a job, or a list such as [load, {job: check, on: always}]",
            annotation="list[dict[str, Any]]",
        ),
        default=[],
        default_words="none",
        bare="job",
        whole=True,
        many=True,
        in_defaults=False,
        fields=AFTER_FIELDS,
        meaning="The causes of this job: the jobs after which it runs, for the same planned time (slot). Without a "
        "`schedule` its planned times are theirs, so they must have one schedule and time zone; it has no line in "
        "the crontab, and starts when the last of them has ended. With a `schedule` each start waits for their runs of "
        "that planned time. When a cause has no such run, or it ended otherwise than `on` says, the planned time is "
        "skipped: `cause_missing`. Nothing follows a run by hand, but for `run --slot`. Text alone means `job`.",
        example="- load\n- {job: check, on: always}",
    ),
    Field(
        key="pool",
        kind=LOCK,
        default_words="none",
        meaning="The pool, of the configuration's `pools`, in which the job runs: at most its `at_once` run at once. "
        "A scheduled start waits for a place, at most `queue_timeout`; a start by hand is refused, unless `--wait` or "
        "`--force` is given. While one start of a job waits, the next finds it and does what `on_overlap` says.",
        example="db",
    ),
    Field(
        key="run_on",
        kind=RUN_ON,
        default="any",
        default_words="`any`",
        meaning="Which host of the fleet runs the job, where the configuration has `fleet.address`: `any` one, the "
        "`host` of that name (`uname -n`), one with a `tag` (`fleet.tags` of its configuration), or `all`. `local`: "
        "the job does not belong to the fleet, and crontab or scheduler of each host start it.",
        example="{host: db1}",
    ),
    Field(
        key="on_host_loss",
        kind=one_of("fail", "rerun"),
        default="fail",
        default_words="`fail`",
        meaning="What becomes of a run in the fleet whose host has died. `fail`: it is lost; so each planned time is "
        "run once at most. `rerun`: it is run once more, on another host where `run_on` lets it; for a job that may "
        "be run twice.",
        example="rerun",
    ),
    Field(
        key="on_partition",
        kind=one_of("kill", "keep"),
        default="kill",
        default_words="`kill`",
        meaning="What a host does with a run of the fleet when it cannot reach the server for `fleet.lease`. `kill`: "
        "it ends the run, before another host may start one. `keep`: the run continues, and a second one may start "
        "beside it.",
        example="keep",
    ),
    Field(
        key="catch_up",
        kind=known("none, latest, all or map", "none, latest, all, or a map such as {which: latest, within: 24h}"),
        default_words="`none`",
        bare="which",
        fields=CATCH_UP_FIELDS,
        meaning="What becomes of missed planned times (slots): those without a run, though nothing and nobody chose "
        "to skip them, because the host or cron was down, or the file was invalid. Each run gets the planned time "
        "that it makes up for. The runs of a job come one after the other, those of two jobs at most at once, and a "
        "planned time that falls due goes first. A run that fails, or a hold, ends it. `cron-generate` writes a line "
        "for `process-control watch`, which starts them; so does the job's next scheduled start.",
        example="which: latest\nwithin: 24h",
    ),
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
    FAILMAIL._replace(
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
    NOTIFY,
    Field(
        key="ping",
        kind=known("URL, map or `false`", "a URL such as https://hc-ping.com/PING-KEY/backup, or a map"),
        default_words="none",
        bare="url",
        may_be_false=True,
        fields=PING_FIELDS,
        meaning="A dead man's switch (healthchecks.io, or your own) that notices when the job does not run: it gets a "
        "ping at the start of each run and at its end, with the exit code, the run id and the last 10 kB of "
        "output. A URL alone means `url`.",
        example="url: https://hc-ping.com/PING-KEY/backup\napi_key_file: /etc/process-control.healthchecks",
    ),
)
