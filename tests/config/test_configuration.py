"""What the global configuration says, and what is said about a faulty one, word for word."""

import re
from typing import Any

import pytest

from kit.harness import PROJECT
from process_control.config.configuration import read_configuration
from process_control.errors import BadConfiguration

PATH = "/etc/process-control.yaml"
A_PATH = "a path that begins with / (~ and variables are not expanded)"


def read(text: str) -> dict[str, Any]:
    return read_configuration(text.encode(), PATH)


def told(text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_configuration_says_nothing() -> None:
    assert read("") == read("# nothing\n") == read("---\n") == {}


def test_every_key_is_read_by_its_kind() -> None:
    text = """
job_directory: /srv/jobs
output_directory: /srv/log
state_directory: /srv/state
run_directory: /run/process-control
output_crontab: console
user: jobs
runner_path: /usr/bin/run-job
cron_template: "{schedule} {user} {command}\\n"
retention: {runs: 10, days: 7, log_bytes: 1 MB}
limits: {log_bytes: 2 MB}
no_new_privileges: yes
read_group: ops
trusted_owner: deploy
trusted_group: deployers
allow_network_state: on
x-note: ours
"""
    assert read(text) == {
        "job_directory": "/srv/jobs",
        "output_directory": "/srv/log",
        "state_directory": "/srv/state",
        "run_directory": "/run/process-control",
        "output_crontab": "console",
        "user": "jobs",
        "runner_path": "/usr/bin/run-job",
        "cron_template": "{schedule} {user} {command}\n",
        "retention_runs": 10,
        "retention_days": 7,
        "retention_log_bytes": 1_000_000,
        "log_bytes": 2_000_000,
        "no_new_privileges": True,
        "read_group": "ops",
        "trusted_owner": "deploy",
        "trusted_group": "deployers",
        "allow_network_state": True,
    }


LINES = {
    "a key written wrong": (
        "job_directry: /srv",
        "1:1: unknown key 'job_directry'",
        f"did you mean 'job_directory'? ({A_PATH}); see: process-control explain job_directory",
    ),
    "a runner with arguments": (
        "runner_path: /usr/bin/run-job --quiet",
        "1:14: 'runner_path' must be a program without arguments, not '/usr/bin/run-job --quiet'",
        "write the program's path alone; it is called with --scheduled JOB",
    ),
    "a key of jobs": (
        "timeout: 5",
        "1:1: unknown key 'timeout'",
        "it is a key of job files; for all jobs set it below 'default_job_config'",
    ),
    "an address without a port": (
        "fleet: {address: a}",
        "1:18: 'fleet.address' must be host:port, not 'a'",
        "write host:port such as server.example.org:7233",
    ),
    "a relative directory": (
        "job_directory: jobs",
        "1:16: 'job_directory' must be a whole path, not 'jobs'",
        f"write {A_PATH}",
    ),
    "a crontab in words": (
        "output_crontab: stdout",
        "1:17: 'output_crontab' must be a whole path or 'console', not 'stdout'",
        "write a path that begins with /, or the word console",
    ),
    "a number of runs": (
        "retention: {runs: 0}",
        "1:19: 'retention.runs' must be a whole number above 0, not '0'",
        "write a whole number above 0",
    ),
    "a field of the template": (
        'cron_template: "{job}"',
        "1:16: 'cron_template' has an unknown field '{job}'",
        "write text with the fields {source} {schedule} {user} {command}; for a brace write two",
    ),
    "more than a field in the template": (
        'cron_template: "{schedule:>20} {command}"',
        "1:16: 'cron_template' has more than the name in the field 'schedule'",
        "write {schedule}",
    ),
    "a brace in the template": (
        'cron_template: "{"',
        "1:16: 'cron_template' is not a template: Single '{' encountered in format string",
        "write text with the fields {source} {schedule} {user} {command}; for a brace write two",
    ),
    "a list": ("- a", "1:1: the file must be a map of keys", "write one 'key: value' a line"),
    "defaults that are a list": (
        "default_job_config: [a]",
        "1:21: 'default_job_config' must be a map, not a list",
        "write a map",
    ),
    "a default for what every job has of its own": (
        "default_job_config: {command: a}",
        "1:22: 'command' cannot have a default",
        "write it in each job file",
    ),
    "a default written wrong": (
        "default_job_config:\n  timout: 5",
        "2:3: unknown key 'default_job_config.timout'",
        (
            "did you mean 'default_job_config.timeout'? (seconds, or 90s, 10m, 2h); "
            "see: process-control explain default_job_config.timeout"
        ),
    ),
    "a faulty default": (
        "default_job_config:\n  timeout: soon",
        "2:12: 'default_job_config.timeout' must be a time, not 'soon'",
        "write seconds, or 90s, 10m, 2h",
    ),
    "causes for all jobs": (
        "default_job_config: {after: [prepare]}",
        "1:22: 'after' cannot have a default",
        "write it in each job file",
    ),
    "a zone for all jobs": (
        "default_job_config: {time_zone: Mars}",
        "1:33: unknown time zone 'Mars'",
        "a zone is named by a place, such as Europe/Berlin, or UTC",
    ),
}


@pytest.mark.parametrize(("line", "what", "hint"), LINES.values(), ids=LINES)
def test_a_faulty_line_is_told_with_the_place_in_the_configuration(line: str, what: str, hint: str) -> None:
    assert told(line) == [f"{PATH}:{what}\n  hint: {hint}"]


def test_all_faults_of_keys_and_defaults_are_told_at_once() -> None:
    text = "user: [a]\ndefault_job_config:\n  timeout: soon\n  schedule: '@daily'\n  owner: [b]\nfleet: []\n"

    assert [line.partition("\n")[0] for line in told(text)] == [
        f"{PATH}:1:7: 'user' must be a name, not a list",
        f"{PATH}:3:12: 'default_job_config.timeout' must be a time, not 'soon'",
        f"{PATH}:4:3: 'schedule' cannot have a default",
        f"{PATH}:5:10: 'default_job_config.owner' must be a map, not a list",
        f"{PATH}:6:8: 'fleet' must be a map, not a list",
    ]


# --- the example that ships ------------------------------------------------------------------------------------------

EXAMPLE = (PROJECT / "src/process_control/data/process-control.example.yaml").read_text()


def test_the_example_as_it_ships_says_nothing() -> None:
    assert read(EXAMPLE) == {}


def test_the_example_loads_when_its_keys_are_uncommented() -> None:
    uncommented = re.sub(r"^#(?! \S|$)", "", EXAMPLE, flags=re.MULTILINE)

    values = read(uncommented)

    assert values["user"] == "jobs"
    assert values["default_job_config"] == {"timeout_seconds": 1800.0, "environment": {"LANG": "C.UTF-8"}}
    assert values["cron_template"] == "# {source}\n{schedule} {user} {command}\n"
