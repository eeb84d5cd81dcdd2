"""What a run of a job would be: commands, environment, user, limits, lock, and what would keep it from starting.

Nothing is run, and of the environment only names leave this module: its values may be secrets.
"""

import os
from contextlib import suppress
from dataclasses import dataclass

from process_control.config.environment_file import read_environment_file
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.job_environment import inherited_variables, job_environment, search_path, variables_of_run
from process_control.errors import BadConfiguration, Fault, ProcessControlError
from process_control.execution.limits import Limits
from process_control.execution.process import find_executable
from process_control.execution.programs import absolute_search_path
from process_control.state.all_jobs import live_block
from process_control.state.block import Identity
from process_control.system.account import Account
from process_control.views.job_list import run_as_json
from process_control.views.missing_on_host import (
    job_directory_of,
    missing_for_a_run,
    missing_for_messages,
    missing_program,
)
from process_control.views.places import full_ones


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run that was not started."""

    #: By their names in JSON.
    facts: dict[str, object]
    #: What would keep it from starting, from finding its program, or messages about it from being sent.
    faults: list[Fault]
    can_run: bool
    commands: list[list[str]]
    #: What is executed, a path for each command; `NOT FOUND: …` when there is none.
    executables: list[str]

    def to_json(self) -> dict[str, object]:
        faults = [{"what": fault.what, "where": fault.where, "hint": fault.hint or None} for fault in self.faults]
        return {**self.facts, "faults": faults}


def planned_run(
    job: Job,
    settings: Settings,
    account: Account,
    *,
    slow_start: bool,
    timeout_seconds: float | None,
    own_commands: str | None,
    of_caller: dict[str, str],
) -> PlannedRun:
    """Return what would run. `timeout_seconds` None: the job's; `of_caller`: the environment of whoever asks.

    Raises BadConfiguration (78) for a slow start of a job that has no such command.
    """
    commands = job.slow_start_command if slow_start else job.command
    if not commands:
        raise BadConfiguration(
            f"job '{job.slug}' has no slow_start_command", where=job.path, hint="add the key slow_start_command"
        )
    key = "slow_start_command" if slow_start else "command"
    environment = _environment(job, settings, account, own_commands, of_caller)
    directory = job_directory_of(job, account.home)
    missing = missing_for_a_run(job, commands, key=key, home=account.home, own_commands=own_commands)
    if job.only_if_command:
        condition = [job.only_if_command]
        also = missing_for_a_run(job, condition, key="only_if", home=account.home, own_commands=own_commands)
        missing += [each for each in also if each not in missing]
    running = live_block(settings.state_directory, job.slug)
    executables = [_executable(argv[0], search_path(environment, own_commands), directory) for argv in commands]
    facts: dict[str, object] = {
        "job": job.slug,
        "name": job.name,
        "file": job.path,
        "version": job.version,
        "only_if": _condition(job, search_path(environment, own_commands), directory),
        "commands": commands,
        "executables": executables,
        "environment": sorted(environment),
        "working_directory": directory,
        "user": account.name,
        "umask": f"{job.umask:04o}",
        "timeout_seconds": job.timeout_seconds if timeout_seconds is None else timeout_seconds,
        "kill_grace_seconds": job.kill_grace_seconds,
        "silence_timeout_seconds": job.silence_timeout_seconds,
        "log_bytes": job.log_bytes,
        "limits": Limits(job).asked_for(),
        "attempts": job.retry_attempts,
        "lock": layout.lock(settings.run_directory, job.lock),
        "lock_held_by": None if running is None else run_as_json(running),
        "on_overlap": job.on_overlap,
        "pool": job.pool,
        "full": [words for _, words, _ in full_ones(job, settings, Identity())],
        "output_directory": layout.logs(settings.output_directory, job.slug),
        "stdout": job.stdout,
    }
    faults = [each.fault(job.slug) for each in [*missing, *missing_for_messages(job, settings)]]
    return PlannedRun(facts=facts, faults=faults, can_run=not missing, commands=commands, executables=executables)


def _environment(
    job: Job, settings: Settings, account: Account, own_commands: str | None, of_caller: dict[str, str]
) -> dict[str, str]:
    from_files: dict[str, str] = {}
    for path in job.environment_file:
        with suppress(ProcessControlError):  # it is among `missing`
            from_files.update(read_environment_file(path))
    runtime_directory = f"/run/user/{account.uid}"
    return job_environment(
        account_name=account.name,
        home=account.home,
        runtime_directory=runtime_directory if os.path.isdir(runtime_directory) else None,
        own_commands=own_commands,
        inherited=inherited_variables(job.inherit_environment, of_caller),
        from_files=from_files,
        from_job=job.environment,
        run=variables_of_run(job=job.slug, run_id="", config=None if settings.default_path else settings.path),
    )


def _condition(job: Job, directories_to_search: list[str], directory: str) -> dict[str, object] | None:
    if not job.only_if_command:
        return None
    executable = _executable(job.only_if_command[0], directories_to_search, directory)
    seconds = job.only_if_timeout_seconds
    return {"command": job.only_if_command, "executable": executable, "timeout_seconds": seconds}


def _executable(name: str, directories_to_search: list[str], directory: str) -> str:
    what, _ = missing_program(name, directories_to_search, directory)
    path, _ = find_executable(name, absolute_search_path(directories_to_search, directory))
    return f"NOT FOUND: {what}" if what else path
