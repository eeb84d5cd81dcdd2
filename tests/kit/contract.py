"""The one contract of all ways to start a run: examples of jobs, and what a run of them leaves, to be compared."""

import re
from datetime import UTC, datetime
from typing import Any

from kit.harness import Box
from process_control.core.records import FIELDS

#: What two runs of the same job cannot have in common.
OF_ONE_RUN = {
    *("at", "run_id", "started_at", "ended_at", "written_at", "up", "pid", "pid_start", "log", "log_offset", "host"),
    *("late_seconds", "late_parts", "duration_seconds", "cpu_seconds", "memory_bytes", "read_bytes", "written_bytes"),
    *("trigger", "version", "hash", "guard_pid", "cgroup", "since", "attempts", "health", "backoff_until", "until"),
}

SHELL_THAT_STAYS = 'trap "" TERM; while :; do sleep 60; done'
STATE = "pwd; umask; ulimit -n"
FEW_FILES = "limits: {open_files: 64}"
THIS_YEAR = datetime.now(UTC).year
AROUND_THIS_YEAR = f"{THIS_YEAR - 1}-01-01..{THIS_YEAR + 1}-12-31"

#: Jobs, and what they are examples of.
CASES = {
    "success": "command: echo out",
    "exit code": "command: sh -c 'exit 7'",
    "not found": "command: /no/such/program",
    "not executable": "command: /etc/hostname",
    "a signal": "command: sh -c 'kill -SEGV $$'",
    "stderr": "command: sh -c 'echo oh >&2'",
    "stderr that only warns": "command: sh -c 'echo oh >&2'\nstderr: warn",
    "timeout": "command: sleep 60\ntimeout: 2",
    "silence": "command: sleep 60\nsilence_timeout: 1",
    "a list that stops": "command: [echo one, 'sh -c \"exit 3\"', echo never]",
    "retry": "command: sh -c 'exit 1'\nretry: {attempts: 2, delay: 0}",
    "a verdict": "command: sh -c 'exit 75'\nverdicts: [{exit_code: 75, verdict: warn}]",
    "hold": "command: sh -c 'exit 78'\nverdicts: [{exit_code: 78, verdict: hold}]",
    "backoff": "command: sh -c 'exit 1'\nbackoff: 5m",
    "leftovers": "command: sh -c 'sleep 60 & echo'\nverdicts: [{leftovers: true, verdict: fail}]",
    "leftovers that stay": "command: sh -c 'sleep 1 & echo'\nleftovers: keep",
    "an expectation": "command: echo 3\nexpect: {number: {stdout: '(\\d+)', at_least: 5}, verdict: fail}",
    "a grace that is over": f"command: sh -c '{SHELL_THAT_STAYS}'\ntimeout: 3\nkill_grace: 0.2",
    "hold after failures": "command: sh -c 'exit 1'\nhold: {after_failures: 1, release_after: 1h}",
    "slow start": "command: echo full\nslow_start_command: echo dose\nslow_start: {runs: 2}",
    "disabled": "command: echo never\ndisabled: true",
    "an excluded day": f"command: echo never\nexclude: [{AROUND_THIS_YEAR}]",
    "a condition": "command: echo never\nonly_if: sh -c 'exit 1'",
    "a condition that cannot be asked": "command: echo never\nonly_if: /no/such/program\nhold: {after_failures: 1}",
    "a random delay": "command: echo out\njitter: 0.1",
    "directory, umask, limits": f"command: sh -c '{STATE}'\nworking_directory: /usr\numask: '027'\n{FEW_FILES}",
    "without a log": "command: echo out\nrun_unlogged: true",
    "a stream that is no line": "command: sh -c 'printf err >&2'\nstderr: ignore",
    "environment": "command: sh -c 'env | cut -d= -f1 | sort'\nenvironment: {ANSWER: '42'}",
    "an invalid file": "command: [",
    "unrecoverable": "command: echo never\ntime_zone: Mars/Olympus",
}


def left_by(box: Box, slug: str = "job") -> dict[str, Any]:
    """Return what a run of the job has left in this box, without what differs between any two runs."""
    known = {field.name for field in FIELDS}
    events = [
        {name: value for name, value in record.items() if name in known - OF_ONE_RUN and name != "boot_id"}
        for record in box.journal()
        if record.get("job") in (slug, None)
    ]
    health = box.health_if_any(slug)
    return {
        "journal": [_without_names(event, box, slug) for event in events],
        "health": (health.get("state"), health.get("failures_in_row")),
        "output": box.log_bytes(slug) if box.logs(slug) else None,
    }


def _without_names(value: Any, box: Box, slug: str) -> Any:
    if isinstance(value, dict):
        return {name: _without_names(each, box, slug) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_names(each, box, slug) for each in value]
    if not isinstance(value, str):
        return value
    without_paths = re.sub(r"pid \d+|delay of [\d.e-]+", "N", value.replace(str(box.root), "BOX"))
    return without_paths if slug == "job" else re.sub(rf"\b{slug}\b", "job", without_paths)
