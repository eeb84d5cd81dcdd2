"""`run-job --dry-run`: what would run, with which environment, directory, user, limits and lock. Runs nothing."""

import os
import shlex
from typing import Any

from process_control.actions.rights import decoded, directory_of_run_job, own_directories
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.run_job.options import Options, seconds_of_flag
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.notify.message import escape_controls
from process_control.system.account import Account
from process_control.views.dry_run import PlannedRun, planned_run


def dry_run(settings: Settings, options: Options, account: Account) -> int:
    """Show what would run, and run nothing; 1 when there are faults. Raises what loading the job raises."""
    planned = planned_run(
        load_job(options.job or "", settings),
        settings,
        account,
        slow_start=options.slow_start,
        timeout_seconds=None if options.timeout is None else seconds_of_flag(options.timeout, "--timeout"),
        own_commands=directory_of_run_job(),
        of_caller=decoded(dict(os.environb)),
    )
    if options.json:
        print_json({"dry_run": planned.to_json()})
        return 1 if planned.faults else 0
    _print(planned, [path for path, _ in own_directories(settings) if not os.path.isdir(path)])
    for fault in planned.faults:
        talk(str(fault))
    trouble = "messages about the job could not be sent" if planned.can_run else "the job could not run"
    talk("dry run: nothing was run" + (f", and {trouble}" if planned.faults else ""))
    return 1 if planned.faults else 0


def _limits(facts: dict[str, Any]) -> str:
    """Return what ends or bounds the run, in one line."""
    seconds, silence = facts["timeout_seconds"], facts["silence_timeout_seconds"]
    words = [f"timeout {seconds:g} s, then {facts['kill_grace_seconds']:g} s grace" if seconds else "no timeout"]
    words += [f"silent for {silence:g} s"] if silence else []
    words.append(f"log {facts['log_bytes']} bytes")
    words += [f"{key} {value}" for key, value in facts["limits"].items()]
    words += [f"{facts['attempts']} attempts"] if facts["attempts"] > 1 else []
    return "; ".join(words)


def _print(planned: PlannedRun, missing: list[str]) -> None:
    """Print it a line each; `missing` are directories that would be made."""
    facts: dict[str, Any] = planned.facts
    holder, condition = facts["lock_held_by"], facts["only_if"]
    held = f"held by run {holder['run_id']}" if holder else "free"
    rows = [
        ("job", f"{facts['job']} ({facts['name']})"),
        ("file", f"{facts['file']} (version {facts['version']})"),
        *([("only_if", f"{shlex.join(condition['command'])}    [{condition['executable']}]")] if condition else []),
        *[
            ("command", f"{shlex.join(argv)}    [{path}]")
            for argv, path in zip(planned.commands, planned.executables, strict=True)
        ],
        ("environment", " ".join(facts["environment"])),
        ("directory", facts["working_directory"]),
        ("user", f"{facts['user']}, umask {facts['umask']}"),
        ("limits", _limits(facts)),
        ("lock", f"{facts['lock']} ({held}), on_overlap {facts['on_overlap']}"),
        *([("pool", facts["pool"])] if facts["pool"] else []),
        *[("wait", words) for words in facts["full"]],
        ("logs", facts["output_directory"] + (f", stdout also to {facts['stdout']}" if facts["stdout"] else "")),
        *[("missing", f"{path} (would be made)") for path in missing],
    ]
    for label, text in rows:
        print_line(f"{label:<12} {escape_controls(text)}")
