"""Files of the original process-control read on in today's keys: each line that changes is told, all others stay."""

import pytest

from kit.harness import PROJECT
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.original import EARLY, LATER, Original, rewrite_configuration, rewrite_job
from process_control.core.job import Job

EXAMPLE = (PROJECT / "tests" / "data" / "published-example.yaml").read_bytes()


def rewritten(text: str, original: Original = EARLY) -> tuple[str, list[str]]:
    """Return the lines below `name` and `command` as they read now, and what was told with its line."""
    head = "name: A\ncommand: a\n"
    result = rewrite_job((head + text).encode(), original, defaults={"timeout_seconds": 1.0, "stderr": "fail"})
    told = [f"{each.line}: {each.what}" for each in result.changes]
    return result.source.decode().removeprefix(head), told


def loaded(source: bytes) -> Job:
    return read_job(source, slug="a", path="/a", default_values={}, log_bytes=1)


LINES = {
    "seconds": ("timeout: 30", EARLY, "timeout: 30", []),
    "minutes": ("timeout: 30", LATER, "timeout: 30m", ["3: timeout: 30 -> 30m"]),
    "minutes in quotes": ('timeout: "30"', LATER, "timeout: 30m", ["3: timeout: 30 -> 30m"]),
    "half a minute": ("timeout: 0.5  # half", LATER, "timeout: 0.5m  # half", ["3: timeout: 0.5 -> 0.5m"]),
    "many seconds": ("timeout: 1234567", EARLY, "timeout: 1234567", []),
    "many minutes": ("timeout: 1_234_567", LATER, "timeout: 1234567m", ["3: timeout: 1_234_567 -> 1234567m"]),
    "no limit": ("timeout: 0", LATER, "timeout: 0", []),
    "less than none": ("timeout: -1", EARLY, "timeout: 0", ["3: timeout: -1 -> 0"]),
    "octal, as YAML has it": ("timeout: 030", EARLY, "timeout: 24", ["3: timeout: 030 -> 24"]),
    "with a unit": ("timeout: 30m", LATER, "timeout: 30m", []),
    "tag": ("tag: beta", EARLY, "tags: beta", ["3: tag -> tags"]),
    "tags": ("tag:\n  - a  # one\n  - b", EARLY, "tags:\n  - a  # one\n  - b", ["3: tag -> tags"]),
    "stdout": ("stdout_destination: /o", EARLY, "stdout: /o", ["3: stdout_destination -> stdout"]),
    "overtime": ("allow_overtime: yes", LATER, "on_overlap: skip", ["3: allow_overtime: yes -> on_overlap: skip"]),
    "no overtime": (
        "allow_overtime: false",
        EARLY,
        "on_overlap: fail",
        ["3: allow_overtime: false -> on_overlap: fail"],
    ),
    "sub-job": (
        "slow_start_command: /usr/bin/run-job --job x",
        EARLY,
        "slow_start_command: run-job --job x",
        ["3: slow_start_command: /usr/bin/run-job --job x -> run-job --job x"],
    ),
    "not run-job": ("slow_start_command: /usr/bin/run-jobs x", EARLY, "slow_start_command: /usr/bin/run-jobs x", []),
    "a word that YAML reads": (
        "environment:\n  DEBUG: yes # on",
        LATER,
        'environment:\n  DEBUG: "True" # on',
        ['4: environment.DEBUG: yes -> "True"'],
    ),
    "a number that YAML reads": (
        "environment: {MODE: 010, PORT: 80}",
        LATER,
        'environment: {MODE: "8", PORT: 80}',
        ['3: environment.MODE: 010 -> "8"'],
    ),
    "text stays text": ("environment:\n  A: 'yes'\n  B: x", LATER, "environment:\n  A: 'yes'\n  B: x", []),
    "unknown": ("timout: 3", EARLY, "x-timout: 3", ["3: timout -> x-timout"]),
    "unknown in quotes": ('"timout": 3', EARLY, '"x-timout": 3', ["3: timout -> x-timout"]),
    "a note": ("x-owner: me", EARLY, "x-owner: me", []),
    "known only today": ("umask: 077", EARLY, "umask: 077", ["3: umask: stays"]),
    "hard tab": ("environment:\n\tA: b", EARLY, "environment:\n        A: b", ["4: hard tab -> spaces"]),
}


@pytest.mark.parametrize(("old", "original", "new", "told"), LINES.values(), ids=LINES)
def test_a_line_of_a_job_reads_on_in_todays_keys(old: str, original: Original, new: str, told: list[str]) -> None:
    assert rewritten(f"{old}\n", original) == (f"{new}\n", told)


@pytest.mark.parametrize(("old", "original", "new", "told"), LINES.values(), ids=LINES)
def test_what_was_rewritten_loads_and_is_not_rewritten_again(
    old: str, original: Original, new: str, told: list[str]
) -> None:
    result = rewrite_job(f"name: A\ncommand: a\n{old}\n".encode(), original, defaults={})

    loaded(result.source)
    assert rewrite_job(result.source, original, defaults={}).source == result.source


def test_the_published_example_keeps_every_comment() -> None:
    result = rewrite_job(EXAMPLE, EARLY, defaults={})

    assert [str(change) for change in result.changes] == ["hard tab -> spaces (YAML knows no tabs)"]
    assert result.source == EXAMPLE.replace(b"\t", b"        ")
    assert loaded(result.source).timeout_seconds == 30


def test_the_published_example_of_the_later_versions_counts_minutes_and_has_no_limit_of_its_own() -> None:
    with_limit = loaded(rewrite_job(EXAMPLE, LATER, defaults={}).source)
    without = loaded(rewrite_job(EXAMPLE.replace(b"timeout: 30", b""), LATER, defaults={}).source)

    assert (with_limit.timeout_seconds, without.timeout_seconds) == (1800, 0)
    assert (with_limit.stderr, without.stderr) == ("warn", "warn")


def test_what_todays_configuration_says_for_all_jobs_is_not_said_again() -> None:
    result = rewrite_job(b"name: A\ncommand: a\n", LATER, defaults={"timeout_seconds": 600.0, "stderr": "warn"})

    assert result.source == b"name: A\ncommand: a\n"


def test_a_comment_that_says_minutes_is_told_when_seconds_are_read() -> None:
    text = "# Optional timeout in minutes, after which it ends\ntimeout: 30\n"

    assert rewritten(text, EARLY)[1] == ["3: a comment says minutes"]
    assert rewritten(text, LATER)[1] == ["4: timeout: 30 -> 30m"]


@pytest.mark.parametrize("key", ["failmail", "failure_threshold_for_mail"])
def test_a_key_that_is_the_same_today_stays(key: str) -> None:
    value = {"failmail": "{to_address: a@example.org}", "failure_threshold_for_mail": "3"}[key]

    text, told = rewritten(f"{key}: {value}\n")

    assert text == f"{key}: {value}\n"
    assert told == []


@pytest.mark.parametrize(
    "source",
    [b"", b"\xff", b"- a\n", b"name: [\n", b"text\n", b"name: A\nname: B\n"],
    ids=ascii,
)
def test_what_is_no_job_stays_as_it_is(source: bytes) -> None:
    assert rewrite_job(source, EARLY, defaults={}).source == source


CONFIGURATION = b"""\
---
cron_template: |
    # Generated from {source}
    {schedule} {user} {command}
# where run-job is
runner_path: /usr/bin/run-job
user: 12
default_job_config:
    environment:
        LANG: C
    timeout: 10   # minutes
job_directory: /var/lib/process-control
logging:
    version: 1
    handlers:
        syslog:
            class: logging.handlers.SysLogHandler
            facility: daemon
            address: /run/log
run_directory: /tmp
state_directory: /var/run/process-control
output_crontab: /etc/cron.d/process-control
"""


def test_the_configuration_reads_on_in_todays_keys() -> None:
    result = rewrite_configuration(CONFIGURATION, LATER, accounts={12: "jenkins"})

    values = read_configuration(result.source, "/c")
    assert values["default_job_config"]["timeout_seconds"] == 600
    assert values["default_job_config"]["stderr"] == "warn"
    assert (values["user"], values["syslog_facility"], values["syslog_address"]) == ("jenkins", "daemon", "/run/log")
    assert [f"{change.line}: {change}" for change in result.changes] == [
        "6: runner_path -> x-runner_path (the generated crontab calls today's run-job)",
        "7: user: 12 -> jenkins (today it is a name)",
        "11: default_job_config.timeout: 10 -> 10m (the later versions counted minutes)",
        "13: logging -> x-logging (process-control logs to syslog itself, see 'syslog')",
        "20: run_directory -> x-run_directory (locks are kept in the state directory)",
        "21: state_directory -> x-state_directory (history must survive a reboot: the default does)",
        "None: default_job_config.stderr: warn added (the later versions never failed on stderr)",
        "None: failmail.each: true added (the original mailed each failed run; remove it for one mail an outage)",
        "None: syslog.facility: daemon added (as the 'logging' of the original had it)",
        "None: syslog.address: /run/log added (as the 'logging' of the original had it)",
    ]
    assert rewrite_configuration(result.source, LATER, accounts={}).source == result.source


def test_defaults_that_the_later_versions_did_not_have_are_written_down() -> None:
    result = rewrite_configuration(b"job_directory: /j\n", LATER, accounts={})

    assert (
        result.source
        == b"job_directory: /j\ndefault_job_config:\n  timeout: 0\n  stderr: warn\nfailmail:\n  each: true\n"
    )


def test_defaults_on_one_line_stay_on_one_line() -> None:
    result = rewrite_configuration(b"default_job_config: {timeout: 5}\n", LATER, accounts={})

    assert result.source == b"default_job_config: {stderr: warn, timeout: 5m}\nfailmail:\n  each: true\n"
    assert read_configuration(result.source, "/c")["failmail_each"] is True


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"failmail:\n  to_address: a@b.org\n", b"failmail:\n  each: true\n  to_address: a@b.org\n"),
        (b"failmail: {to_address: a@b.org}\n", b"failmail: {each: true, to_address: a@b.org}\n"),
        (b"failmail: {each: false}\n", b"failmail: {each: false}\n"),
        (b"failmail: false\n", b"failmail: false\n"),
    ],
)
def test_every_failed_run_is_mailed_as_it_was(before: bytes, after: bytes) -> None:
    assert rewrite_configuration(before, EARLY, accounts={}).source == after
    assert rewrite_configuration(after, EARLY, accounts={}).source == after


def test_a_number_that_is_no_accounts_is_told() -> None:
    result = rewrite_configuration(b"user: 12\n", EARLY, accounts={})

    assert [str(change) for change in result.changes] == [
        "user: 12 stays (no account has this number: write the name of an account)",
        "failmail.each: true added (the original mailed each failed run; remove it for one mail an outage)",
    ]
