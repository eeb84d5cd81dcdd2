"""`run-job --dry-run`: what would run, with which environment, directory, user, limits and lock. Runs nothing."""

import os
import shlex
from contextlib import suppress
from typing import Any

from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.run_job.lists import run_as_json, running_block
from process_control.cli.run_job.main import decoded, directory_of_run_job, own_directories, seconds_of_flag
from process_control.cli.run_job.options import Options
from process_control.config.environment_file import read_environment_file
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.job_environment import inherited_variables, job_environment, search_path
from process_control.errors import BadConfiguration, ProcessControlError
from process_control.execution.limits import Limits
from process_control.execution.process import find_executable
from process_control.execution.programs import absolute_search_path
from process_control.notify.message import escape_controls
from process_control.system.account import Account
from process_control.views.missing_on_host import job_directory_of, missing_for_a_run, missing_program


def dry_run(settings: Settings, options: Options, account: Account) -> int:
    """Show what would run, and run nothing; 1 when it could not run. Raises what loading the job raises."""
    job = load_job(options.job or "", settings)
    commands = job.slow_start_command if options.slow_start else job.command
    if not commands:
        raise BadConfiguration(
            f"job '{job.slug}' has no slow_start_command", where=job.path, mend="add the key slow_start_command"
        )
    own_commands = directory_of_run_job()
    environment = _environment(job, settings, account, own_commands)
    timeout = job.timeout_seconds if options.timeout is None else seconds_of_flag(options.timeout, "--timeout")
    directory = job_directory_of(job, account.home)
    key = "slow_start_command" if options.slow_start else "command"
    missing = missing_for_a_run(job, commands, key=key, home=account.home, own_commands=own_commands)
    faults = [each.fault(job.slug) for each in missing]
    running = running_block(settings, job.slug)
    facts: dict[str, object] = {
        "job": job.slug,
        "name": job.name,
        "file": job.path,
        "version": job.version,
        "commands": commands,
        "executables": [_executable(argv[0], search_path(environment, own_commands), directory) for argv in commands],
        "environment": sorted(environment),
        "working_directory": directory,
        "user": account.name,
        "umask": f"{job.umask:04o}",
        "timeout_seconds": timeout,
        "kill_grace_seconds": job.kill_grace_seconds,
        "silence_timeout_seconds": job.silence_timeout_seconds,
        "log_bytes": job.log_bytes,
        "limits": Limits(job).asked_for(),
        "attempts": job.retry_attempts,
        "lock": f"{settings.run_directory}/{job.lock}.lock",
        "lock_held_by": None if running is None else run_as_json(running),
        "on_overlap": job.on_overlap,
        "output_directory": f"{settings.output_directory}/{job.slug}",
        "stdout": job.stdout,
        "faults": [{"what": fault.what, "where": fault.where, "hint": fault.mend or None} for fault in faults],
    }
    directories_missing = [path for path, _ in own_directories(settings) if not os.path.isdir(path)]
    if options.json:
        print_json({"dry_run": facts})
        return 1 if faults else 0
    _print_dry_run(facts, commands, directories_missing)
    for fault in faults:
        talk(str(fault))
    talk("dry run: nothing was run" + (", and the job could not run" if faults else ""))
    return 1 if faults else 0


def _environment(job: Job, settings: Settings, account: Account, own_commands: str | None) -> dict[str, str]:
    from_files: dict[str, str] = {}
    for path in job.environment_file:
        with suppress(ProcessControlError):  # told as what is missing
            from_files.update(read_environment_file(path))
    names = ("JOB", "RUN_ID", "ATTEMPT", "TRIGGER", "SCHEDULED_AT", "SLOW_START")
    of_a_run = {f"PROCESS_CONTROL_{name}": "" for name in names}
    if settings.path and not settings.default_path:
        of_a_run["PROCESS_CONTROL_CONFIG"] = settings.path
    runtime_directory = f"/run/user/{account.uid}"
    return job_environment(
        account_name=account.name,
        home=account.home,
        runtime_directory=runtime_directory if os.path.isdir(runtime_directory) else None,
        own_commands=own_commands,
        inherited=inherited_variables(job.inherit_environment, decoded(dict(os.environb))),
        from_files=from_files,
        from_job=job.environment,
        run=of_a_run,
    )


def _executable(name: str, directories_to_search: list[str], directory: str) -> str:
    what, _ = missing_program(name, directories_to_search, directory)
    path, _ = find_executable(name, absolute_search_path(directories_to_search, directory))
    return f"NOT FOUND: {what}" if what else path


def _limits(facts: dict[str, Any]) -> str:
    """Return what ends or bounds the run, in one line."""
    seconds, silence = facts["timeout_seconds"], facts["silence_timeout_seconds"]
    words = [f"timeout {seconds:g} s, then {facts['kill_grace_seconds']:g} s grace" if seconds else "no timeout"]
    words += [f"silent for {silence:g} s"] if silence else []
    words.append(f"log {facts['log_bytes']} bytes")
    words += [f"{key} {value}" for key, value in facts["limits"].items()]
    words += [f"{facts['attempts']} attempts"] if facts["attempts"] > 1 else []
    return "; ".join(words)


def _print_dry_run(facts: dict[str, Any], commands: list[list[str]], missing: list[str]) -> None:
    holder = facts["lock_held_by"]
    held = f"held by run {holder['run_id']}" if holder else "free"
    rows = [
        ("job", f"{facts['job']} ({facts['name']})"),
        ("file", f"{facts['file']} (version {facts['version']})"),
        *[
            ("command", f"{shlex.join(argv)}    [{path}]")
            for argv, path in zip(commands, facts["executables"], strict=True)
        ],
        ("environment", " ".join(facts["environment"])),
        ("directory", facts["working_directory"]),
        ("user", f"{facts['user']}, umask {facts['umask']}"),
        ("limits", _limits(facts)),
        (
            "lock",
            f"{facts['lock']} ({held}), on_overlap {facts['on_overlap']}",
        ),
        ("logs", facts["output_directory"] + (f", stdout also to {facts['stdout']}" if facts["stdout"] else "")),
        *[("missing", f"{path} (would be made)") for path in missing],
    ]
    for label, text in rows:
        print_line(f"{label:<12} {escape_controls(text)}")
