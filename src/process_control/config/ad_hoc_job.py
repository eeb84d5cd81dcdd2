"""The command of `exec` as a job: no file, a few keys from flags, and of the defaults what says how commands run."""

import json
from typing import Any

from process_control.config.job_directory import slugs
from process_control.config.job_file import read_job
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.settings import Settings
from process_control.core.job import Job, is_slug
from process_control.errors import BadConfiguration, ProcessControlError, UsageError

#: The keys of `default_job_config` that apply: nothing about failures, schedules or mail.
DEFAULTS = (
    *("timeout", "kill_grace", "leftovers", "silence_timeout", "environment", "environment_file"),
    *("inherit_environment", "working_directory", "umask", "stderr", "verdicts", "limits"),
)
_KEPT = frozenset(name for field in JOB_FIELDS if field.key in DEFAULTS for name in field.attributes)
#: What the reader wants of a command; ours is taken as it is.
_SOME_COMMAND = "/bin/true"


def ad_hoc_job(slug: str, keys: str, command: list[str], settings: Settings) -> Job:
    """Return the job that runs `command`. `keys` is a JSON object of keys of the job file.

    Raises UsageError (2) for a slug that is a job of the job directory, and for values that are none.
    """
    if not is_slug(slug):
        hint = "letters, digits, - and _, at most 64, the first a letter or digit"
        raise UsageError(f"--name {slug}: not a name as a job's", hint=hint)
    if _is_a_job(slug, settings):
        raise UsageError(f"--name {slug}: this is a job", hint=f"choose another name; to run the job: run-job {slug}")
    if not command:
        raise UsageError("which command?", hint="process-control exec --name SLUG -- COMMAND")
    return read_ad_hoc(slug, json.loads(keys), command, settings)


def read_ad_hoc(slug: str, keys: dict[str, Any], command: list[str], settings: Settings) -> Job:
    """Return the job without a look at the job directory. Raises UsageError (2) for values that are none."""
    values = {"name": slug, **keys, "command": _SOME_COMMAND}
    source = "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()).encode("utf-8")
    defaults = {name: value for name, value in settings.default_job_config.items() if name in _KEPT}
    try:
        job = read_job(source, slug=slug, path="", default_values=defaults, log_bytes=settings.log_bytes)
    except BadConfiguration as error:
        raise UsageError(_in_flags(error, keys), hint=error.faults[0].hint) from error
    job.command = [command]
    job.failmail_off = job.notify_off = True
    return job


def _is_a_job(slug: str, settings: Settings) -> bool:
    try:
        return slug in slugs(settings)
    except BadConfiguration:  # there is no job directory
        return False


def _in_flags(error: ProcessControlError, keys: dict[str, Any]) -> str:
    """Return what is wrong, with flags in the place of keys."""
    text = "; ".join(fault.what for fault in error.faults)
    for key in keys:
        text = text.replace(f"'{key}'", f"--{key.replace('_', '-')}")
    return text.replace("'limits.memory'", "--memory").replace("'memory'", "--memory")
