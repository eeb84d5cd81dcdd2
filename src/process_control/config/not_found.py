"""Errors for a missing job, directory or configuration, with the nearest name or the command to fix it."""

import difflib
import errno
import os
import shlex

from process_control.core.host_name import is_host
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, JobNotFound, NotPermitted, ProcessControlError
from process_control.system.trusted_file import open_directory
from process_control.system.untrusted import shown, user_name

MAX_SHOWN = 80
NAME_RULE = "a job's name is letters, digits, - and _, at most 64, the first a letter or digit"


def no_such_job(slug: str, job_directory: str, known: list[str]) -> JobNotFound:
    """Return the error for a job that has no file. `known` are the jobs that have one."""
    directory = shown(job_directory)
    plain = slug.removesuffix(".yaml").rpartition("/")[2]
    host, slash, job = slug.partition("/")
    if slash and is_slug(job) and is_host(host):
        hint = f"the job of this host is '{job}'; on another host: ssh -t {host} process-control ..."
        return JobNotFound(f"{_quoted(slug)} is not a job's name", hint=hint)
    if plain != slug and plain in known:
        return JobNotFound(f"{_quoted(slug)} is not a job's name", hint=f"did you mean '{plain}'?")
    near = difflib.get_close_matches(slug[:80], known, n=1)
    if not is_slug(slug):
        return JobNotFound(f"{_quoted(slug)} is not a job's name", hint=NAME_RULE)
    what = f"no job '{slug}' in {directory}"
    if os.path.lexists(f"{job_directory}/{slug}.yml"):
        return JobNotFound(what, hint=f"the file's name must end in .yaml: rename {slug}.yml")
    if near:
        return JobNotFound(what, hint=f"did you mean '{near[0]}'?")
    return JobNotFound(what, hint=f"create {directory}/{slug}.yaml, or list all jobs: run-job --list-jobs")


def bad_name(slug: str) -> JobNotFound:
    """Return the error for a file whose name cannot be that of a job."""
    return JobNotFound(f"{_quoted(slug + '.yaml')} is not a valid name for a job file", hint=f"rename it: {NAME_RULE}")


def no_directory(path: str, error: OSError) -> ProcessControlError:
    """Return the error for a job directory that cannot be opened, with the command that makes it."""
    if error.errno == errno.ENOENT:
        return BadConfiguration(
            "the job directory does not exist",
            where=shown(path),
            hint=f"set 'job_directory' in the configuration, or make it: {_make_command(path)}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotPermitted(
            f"user '{user_name(os.geteuid())}' cannot enter the job directory",
            where=shown(path),
            hint=f"let that user enter it and all directories above it: chmod go+x {shlex.quote(path)}",
        )
    return BadConfiguration(
        f"the job directory cannot be opened: {os.strerror(error.errno or 0)}",
        where=shown(path),
        hint="set 'job_directory' in the configuration to a directory",
    )


def _make_command(path: str) -> str:
    """Return the command that makes `path`, as root where the caller may not."""
    parent = path
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent) or "/"
    sudo = "" if os.access(parent, os.W_OK) else "sudo "
    return f"{sudo}install -d -m 755 {shlex.quote(path)}"


def unreadable(path: str, error: OSError) -> NotPermitted:
    """Return the error for a file that exists and cannot be opened."""
    return NotPermitted(
        f"user '{user_name(os.geteuid())}' cannot read it: {os.strerror(error.errno or 0)}",
        where=shown(path),
        hint=f"set the group to one of that user, and: chmod g+r {shlex.quote(path)}",
    )


def configuration_not_opened(path: str, uid: int, error: OSError) -> BadConfiguration | NotPermitted:
    """Return the error for a configuration file that is named but missing, or that may not be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotPermitted(
            f"user '{user_name(uid)}' cannot read the configuration",
            where=shown(path),
            hint="let that user, or a group of that user, read it",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return BadConfiguration(
            "no such configuration file",
            where=shown(path),
            hint="name an existing one with --config or PROCESS_CONTROL_CONFIG, or none",
        )
    return BadConfiguration(
        f"the configuration cannot be opened: {os.strerror(error.errno or 0)}",
        where=shown(path),
        hint="name a file with --config or PROCESS_CONTROL_CONFIG",
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def names_if_any(job_directory: str) -> list[str]:
    """Return the names of the job files, for suggestions; none when the directory cannot be listed."""
    try:
        walk = open_directory(job_directory)
    except OSError:
        return []
    try:
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.descriptor)
        try:
            return sorted(name[:-5] for name in os.listdir(descriptor) if name.endswith(".yaml") and name[0] != ".")
        finally:
            os.close(descriptor)
    except OSError:
        return []
    finally:
        os.close(walk.descriptor)
