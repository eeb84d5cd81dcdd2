"""Keys of cron, systemd and other tools, with the equivalent here. Pure.

They are tried before a guess by spelling: a similar word may mean the opposite.
"""

from collections.abc import Mapping

from process_control.config.keys.kind import FALSE_WORDS, TRUE_WORDS
from process_control.config.yaml.nodes import Node, Text

_MAIL = "write failmail: {to_address: ops@example.org}"
_ENVIRONMENT = "write environment: {NAME: value}"
_DIRECTORY = "write working_directory: /srv/app"
_ZONE = "write time_zone: Europe/Berlin"
_SCHEDULE = 'write schedule: "*/5 * * * *"'
_COMMAND = "write command: /usr/bin/program --option"
_SHELL = "no shell runs: write command: sh -c '…', or bash -c '…'"
_USER = "all jobs run as the 'user' of the configuration"
_OVERLAP = "write on_overlap: skip, queue, replace or fail"
_POOL = "write pool: NAME; its limit is in the configuration: pools: {NAME: {at_once: 2}}"
_START_WITHIN = "write start_within: 10m"
_TIMEOUT = "write timeout: 10m"
_DISABLED = "write disabled: true"
_ON_FAILURE = "write failmail: {to_address: ops@example.org} for a mail, hold: {after_failures: 3} to stop after three"
_STDOUT = "the output of every run is kept; for another copy write stdout: /var/log/app.log"
_STDERR = "write stderr: fail, warn or ignore; for rules see 'verdicts'"
_NAME = "write name: Nightly backup"
_TAGS = "write tags: [nightly, database]"
_LOCK = "a job never overlaps itself; for one lock of several jobs write lock: NAME"
_DESCRIPTION = "write description: …, or 'x-…' for a note"
_NICE = "write limits: {nice: 10}"
_MEMORY = "write limits: {memory: 1 GiB}"
_JITTER = 'write jitter: 5m; or H in the schedule for a fixed delay: schedule: "H 3 * * *"'
_ONLY_IF = "write only_if: test -e /srv/import/ready"
_FILE = "write environment_file: /etc/app.env"

JOB_WORDS = {
    "envs": _ENVIRONMENT, "env": _ENVIRONMENT, "vars": _ENVIRONMENT, "variables": _ENVIRONMENT,
    "environmentvariables": _ENVIRONMENT, "envvars": _ENVIRONMENT,
    "envfile": _FILE, "dotenv": _FILE, "envfiles": _FILE,
    "cwd": _DIRECTORY, "workdir": _DIRECTORY, "workingdir": _DIRECTORY, "chdir": _DIRECTORY, "dir": _DIRECTORY,
    "directory": _DIRECTORY, "pwd": _DIRECTORY,
    "tz": _ZONE, "timezone": _ZONE, "crontz": _ZONE,
    "cron": _SCHEDULE, "crontab": _SCHEDULE, "cronexpression": _SCHEDULE, "when": _SCHEDULE, "at": _SCHEDULE,
    "every": _SCHEDULE, "interval": _SCHEDULE, "oncalendar": _SCHEDULE,
    "cmd": _COMMAND, "exec": _COMMAND, "execstart": _COMMAND, "run": _COMMAND, "script": _COMMAND,
    "entrypoint": _COMMAND, "program": _COMMAND,
    "args": "write program and arguments as one text: command: PROGRAM ARGUMENTS",
    "shell": _SHELL, "executable": _SHELL, "interpreter": _SHELL,
    "mailto": _MAIL, "mail": _MAIL, "email": _MAIL, "emails": _MAIL, "mailfrom": _MAIL, "notifyemail": _MAIL,
    "user": _USER, "username": _USER, "runas": _USER, "runasuser": _USER, "account": _USER, "uid": _USER,
    "onfailure": _ON_FAILURE, "onerror": _ON_FAILURE, "onpermanentfailure": _ON_FAILURE,
    "failswhen": _STDERR, "capturestderr": _STDERR, "quiet": _STDERR, "silent": _STDERR,
    "capturestdout": _STDOUT, "log": _STDOUT, "logfile": _STDOUT, "output": _STDOUT, "stdoutlogfile": _STDOUT,
    "concurrencypolicy": _OVERLAP, "concurrency": _OVERLAP, "overlap": _OVERLAP, "maxinstances": _OVERLAP,
    "allowoverlap": _OVERLAP,
    "maxconcurrent": _POOL, "maxconcurrency": _POOL, "concurrencylimit": _POOL, "semaphore": _POOL, "pools": _POOL,
    "startingdeadlineseconds": _START_WITHIN, "startingdeadline": _START_WITHIN, "misfiregracetime": _START_WITHIN,
    "activedeadlineseconds": _TIMEOUT, "executiontimeout": _TIMEOUT, "timelimit": _TIMEOUT, "maxruntime": _TIMEOUT,
    "runtimemaxsec": _TIMEOUT, "deadline": _TIMEOUT,
    "killtimeout": "write kill_grace: 10s", "timeoutstopsec": "write kill_grace: 10s",
    "suspend": _DISABLED, "suspended": _DISABLED, "paused": _DISABLED, "inactive": _DISABLED,
    "title": _NAME, "labels": _TAGS, "group": _TAGS, "groups": _TAGS, "category": _TAGS,
    "lockfile": _LOCK, "flock": _LOCK, "mutex": _LOCK, "singleton": _LOCK,
    "comment": _DESCRIPTION, "comments": _DESCRIPTION, "note": _DESCRIPTION, "notes": _DESCRIPTION,
    "nice": _NICE, "priority": _NICE, "memory": _MEMORY, "memorylimit": _MEMORY, "memorymax": _MEMORY,
    "randomizeddelaysec": _JITTER, "randomdelay": _JITTER, "splay": _JITTER,
    "if": _ONLY_IF, "condition": _ONLY_IF, "conditions": _ONLY_IF, "execcondition": _ONLY_IF, "runif": _ONLY_IF,
    "utc": "write time_zone: UTC",
}  # fmt: skip

CONFIGURATION_WORDS = {
    "tz": "write default_job_config: {time_zone: Europe/Berlin}",
    "timezone": "write default_job_config: {time_zone: Europe/Berlin}",
    "mailto": _MAIL, "mail": _MAIL, "email": _MAIL, "mailfrom": _MAIL,
    "env": "write default_job_config: {environment: {NAME: value}}",
    "environment": "write default_job_config: {environment: {NAME: value}}",
    "defaults": "write default_job_config: …", "default": "write default_job_config: …",
    "jobs": "write job_directory: /srv/jobs", "jobdir": "write job_directory: /srv/jobs",
    "jobsdir": "write job_directory: /srv/jobs", "jobsdirectory": "write job_directory: /srv/jobs",
    "logdir": "write output_directory: /var/log/process-control",
    "logdirectory": "write output_directory: /var/log/process-control",
    "logs": "write output_directory: /var/log/process-control",
    "statedir": "write state_directory: /var/lib/process-control-state",
    "rundir": "write run_directory: /run/process-control",
    "runas": "write user: NAME", "runasuser": "write user: NAME", "username": "write user: NAME",
    "crontab": "write output_crontab: /etc/cron.d/process-control",
    "shell": _SHELL,
}  # fmt: skip

FAILMAIL_WORDS = {
    "to": "write to_address: ops@example.org", "mailto": "write to_address: ops@example.org",
    "recipient": "write to_address: ops@example.org", "recipients": "write to_address: [ops@example.org]",
    "address": "write to_address: ops@example.org",
    "from": "write from_address: jobs@example.org", "sender": "write from_address: jobs@example.org",
    "mailfrom": "write from_address: jobs@example.org",
    "host": "write smtp: HOST:PORT", "server": "write smtp: HOST:PORT", "smtphost": "write smtp: HOST:PORT",
    "smtpserver": "write smtp: HOST:PORT", "relay": "write smtp: HOST:PORT", "port": "write smtp: HOST:PORT",
    "user": "write login: NAME", "username": "write login: NAME",
    "password": "write password_file: /etc/mail.password, a file of mode 0600",
    "starttls": "write tls: starttls", "ssl": "write tls: implicit",
}  # fmt: skip

_RETRY_WORDS = {"retries": "", "maxretries": "", "retrylimit": "", "backofflimit": "", "restarts": "", "retrycount": ""}
_ENABLED = ("enabled", "enable", "active", "isenabled", "on")
_MAPS: Mapping[str, Mapping[str, str]] = {"failmail.": FAILMAIL_WORDS, "default_job_config.failmail.": FAILMAIL_WORDS}


def our_word(key: str, value: Node | None, prefix: str, *, in_configuration: bool = False) -> str:
    """Return the hint for a key of another tool; empty for an unknown one.

    `prefix` names the map of the key, such as `failmail.`.
    """
    squeezed = key.lower().replace("-", "").replace("_", "")
    if prefix in _MAPS:
        return _MAPS[prefix].get(squeezed, "")
    if prefix not in ("", "default_job_config."):
        return ""
    of_a_configuration = in_configuration and not prefix
    if of_a_configuration:
        return CONFIGURATION_WORDS.get(squeezed, "")
    if squeezed in _ENABLED:
        return _disabled(value)
    if squeezed in _RETRY_WORDS:
        return _attempts(value)
    return JOB_WORDS.get(squeezed, "")


def _disabled(value: Node | None) -> str:
    word = value.value.lower() if isinstance(value, Text) else ""
    if word in TRUE_WORDS:
        return "remove the line: a job is enabled unless it says disabled: true"
    if word in FALSE_WORDS:
        return "write disabled: true"
    return "it is the other way round: write disabled: true for a job that is not to run"


def _attempts(value: Node | None) -> str:
    text = value.value if isinstance(value, Text) else ""
    if text.isascii() and text.isdigit() and len(text) < 6:
        return f"write retry: {int(text) + 1}, which counts the first attempt too"
    return "write retry: 3, which counts the first attempt too"
