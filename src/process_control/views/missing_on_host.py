"""What a job needs and this host does not have: programs, directories, files with secrets. Looks, and runs nothing."""

import os
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from process_control.config.environment_file import read_environment_file, read_secret_file
from process_control.config.failmail import failmail_of
from process_control.config.recipients import files_of_notify, notify_items, program_of
from process_control.config.settings import Settings
from process_control.config.url_file import url_in
from process_control.core.job import Job
from process_control.core.job_environment import inherited_variables, search_path
from process_control.core.shell_builtins import is_shell_word
from process_control.errors import Fault, ProcessControlError
from process_control.execution.not_executed import NO_SHELL, not_found
from process_control.execution.process import find_executable
from process_control.execution.programs import absolute_search_path
from process_control.system.untrusted import shown

OWN_COMMAND = "run-job"
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that is not there: the `key` that names it, and which of its items."""

    key: str
    item: int = 0
    what: str
    hint: str = ""

    def fault(self, where: str) -> Fault:
        return Fault(self.what, where=where, hint=self.hint)


def job_directory_of(job: Job, home: str) -> str:
    """Return the directory that the job runs in."""
    return job.working_directory or (home if os.path.isdir(home) else "/")


def paths_named_by(job: Job) -> list[str]:
    """Return the paths that a look at what a job would miss may wait for."""
    commands = [*job.command, *(job.slow_start_command or ()), *_condition_of(job)]
    programs = [argv[0] for argv in commands if "/" in argv[0]]
    directories = job.environment.get("PATH", "").split(":")
    files = [job.working_directory, job.stdout, job.failmail_password_file, job.failmail_ca_file]
    files += [job.ping_api_key_file, *files_of_notify(job.notify)]
    return [path for path in (*programs, *directories, *job.environment_file, *files) if path]


def _condition_of(job: Job) -> list[list[str]]:
    return [job.only_if_command] if job.only_if_command else []


def missing_for_a_run(
    job: Job, commands: Sequence[Sequence[str]], *, key: str = "command", home: str, own_commands: str | None
) -> list[Missing]:
    """Return what would keep a run of `commands`, which `key` names, from starting or from finding its program."""
    environment = inherited_variables(job.inherit_environment, dict(os.environ))
    found = []
    for number, path in enumerate(job.environment_file):
        faults, variables = _asked(partial(read_environment_file, path))
        environment.update(variables or {})
        found += [
            Missing(key="environment_file", item=number, what=f"{shown(fault.where)}: {fault.what}", hint=fault.hint)
            for fault in faults
        ]
    environment |= job.environment
    directory = job_directory_of(job, home)
    if job.working_directory is not None:
        found += _missing_directory("working_directory", directory)
    if job.stdout is not None:
        found += _missing_directory("stdout", os.path.dirname(job.stdout))
    directories = search_path(environment, own_commands)
    for number, argv in enumerate(commands):
        if argv[0] == OWN_COMMAND and own_commands is None:
            continue  # a run finds it; from where we were called we do not
        what, hint = missing_program(argv[0], directories, directory)
        if number and len(argv) == 1 and "/" not in argv[0]:
            hint = "each item of the list is a command; the words of one command are one text"
        found += [Missing(key=key, item=number, what=what, hint=hint)] if what else []
    return found


def missing_program(name: str, directories: list[str], directory: str) -> tuple[str, str]:
    """Return what is wrong with the program of a command, and the hint; empty when it can be executed."""
    path, denied = find_executable(name, absolute_search_path(directories, directory))
    if not path and is_shell_word(name):
        return f"{shown(name)}: no program, but a word of the shell", NO_SHELL
    if not path:
        return not_found(name, directories, denied or "").why, "" if denied else "install it, or write its whole path"
    return _wrong_program(name, path if path.startswith("/") else f"{directory}/{path}")


def _wrong_program(name: str, path: str) -> tuple[str, str]:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return f"{shown(name)}: no such file", "install it, or write the right path"
    except OSError:
        return "", ""  # not for us to see; it may well be for the job
    if not stat.S_ISREG(mode):
        return f"{shown(name)}: not a program", "write the path of a program"
    if not os.access(path, os.X_OK):
        return f"{shown(name)}: not executable", f"chmod +x {shlex.quote(path)}"
    return "", ""


def _missing_directory(key: str, path: str) -> list[Missing]:
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return []
    except (FileNotFoundError, NotADirectoryError):
        what, hint = f"'{key}': the directory {shown(path)} does not exist", f"install -d {shlex.quote(path)}"
        return [Missing(key=key, what=what, hint=hint)]
    except OSError:
        return []
    return [Missing(key=key, what=f"'{key}': {shown(path)} is not a directory", hint="name a directory")]


def missing_for_mail(job: Job | None, settings: Settings) -> list[Missing]:
    """Return what would keep the failmail of a job (None: of the configuration) from being sent."""
    failmail = failmail_of(job, settings)
    if failmail is None:
        return []
    found = []
    if failmail.sendmail:
        what, hint = _wrong_program(failmail.sendmail, failmail.sendmail)
        found += [Missing(key="failmail", what=f"failmail.sendmail: {what}", hint=hint)] if what else []
    password = failmail.password_file
    if password is not None:
        faults, _ = _asked(partial(read_secret_file, password, what="password file"))
        found += [Missing(key="failmail", what=f"{fault.where}: {fault.what}", hint=fault.hint) for fault in faults]
    if failmail.ca_file is not None and not os.path.exists(failmail.ca_file):
        found.append(Missing(key="failmail", what=f"failmail.ca_file: {shown(failmail.ca_file)}: no such file"))
    return found


def missing_for_messages(job: Job | None, settings: Settings) -> list[Missing]:
    """Return what would keep messages about a job (None: of the configuration) from being sent, mail and others."""
    found = missing_for_mail(job, settings)
    for number, item in enumerate(notify_items(job, settings)):
        found += [replace(each, item=number) for each in _missing_for_item(item)]
    if job is not None and job.ping_api_key_file is not None:
        found += _missing_secret("ping", partial(read_secret_file, job.ping_api_key_file, what="api_key_file"))
    return found


def _missing_for_item(item: dict[str, Any]) -> list[Missing]:
    """Return which program or file that an entry of `notify` names is not there."""
    found: list[Missing] = []
    program = program_of(item)
    if program is not None:
        what, hint = _wrong_program(program, program)
        found += [Missing(key="notify", what=f"notify.url: {what}", hint=hint)] if what else []
    if "url_file" in item:
        found += _missing_secret("notify", partial(url_in, item["url_file"]))
    if "key_file" in item:
        found += _missing_secret("notify", partial(read_secret_file, item["key_file"], what="key_file"))
    return found


def _missing_secret(key: str, read: Callable[[], str]) -> list[Missing]:
    faults, _ = _asked(read)
    return [Missing(key=key, what=f"{shown(fault.where)}: {fault.what}", hint=fault.hint) for fault in faults]


def _asked(read: Callable[[], Read]) -> tuple[list[Fault], Read | None]:
    """Return the faults of what cannot be read, or what was read."""
    try:
        return [], read()
    except ProcessControlError as error:
        return error.faults, None


def all_missing(job: Job, settings: Settings, *, home: str, own_commands: str | None) -> Iterator[Missing]:
    """Yield all that the job would miss, each once: for its commands, in slow start too, and for its messages."""
    found = missing_for_a_run(job, job.command, home=home, own_commands=own_commands)
    if job.slow_start_command:
        commands = job.slow_start_command
        found += missing_for_a_run(job, commands, key="slow_start_command", home=home, own_commands=own_commands)
    found += missing_for_a_run(job, _condition_of(job), key="only_if", home=home, own_commands=own_commands)
    found = [each for each in found if each.hint != NO_SHELL]  # `shell_signs` finds it too, with the text to paste
    yield from dict.fromkeys([*found, *missing_for_messages(job, settings)])
