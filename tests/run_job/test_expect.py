"""What is expected of a run is looked at when it has ended."""

import os
import time
from pathlib import Path

import pytest

from kit.harness import Box
from kit.runs import ends, outcomes, the_end


def test_a_backup_has_to_write_its_file(box: Box) -> None:
    file = box.root / "dump"
    box.job("backup", f"command: touch {file}\nexpect: {{file: {{path: {file}}}}}")
    box.job("forgets", f"command: 'true'\nexpect: {{file: {{path: {file}}}}}")
    box.job("nowhere", f"command: 'true'\nexpect: {{file: {{path: {box.root}/nowhere}}}}")

    assert box.run("backup").exit_code == 0
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    assert box.run("forgets").exit_code == 0
    assert box.run("nowhere").exit_code == 0

    assert outcomes(box) == [("succeeded", None), ("warned", "expectation"), ("warned", "expectation")]
    assert the_end(box, "forgets")["detail"].startswith(f"expected the file {file} to be written after the start, it")
    assert the_end(box, "nowhere")["detail"] == f"expected the file {box.root}/nowhere: it does not exist"


def test_a_file_written_in_the_first_instant_is_fresh(box: Box) -> None:
    file = box.root / "dump"
    box.job("backup", f"command: touch {file}\nexpect: {{file: {{path: {file}}}, shorter_than: 1m}}")

    for _ in range(20):
        assert box.run("backup", via="stub").exit_code == 0

    assert {outcome for outcome, _ in outcomes(box)} == {"succeeded"}


def test_a_file_that_only_has_to_be_there_may_be_old(box: Box) -> None:
    box.job("job", "command: 'true'\nexpect: {file: {path: /etc/passwd, newer_than_start: false}}")

    assert box.run("job").exit_code == 0
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.parametrize(
    ("expect", "reason", "detail"),
    [
        ("longer_than: 30s", "too_short", "expected longer than 30 s"),
        ("shorter_than: 0.01", "too_long", "expected shorter than 0.01 s"),
        ('stdout_bytes: ">100"', "output", "printed 16 bytes to stdout, expected >100"),
        (
            r"number: {stdout: 'rows: (\d+)', at_least: 10}",
            "expectation",
            r"expected a number of at least 10 by 'rows: (\d+)' in stdout, the last was 3",
        ),
    ],
)
def test_a_miss_warns_and_says_what_was_seen_and_wanted(box: Box, expect: str, reason: str, detail: str) -> None:
    box.job("job", f"command: 'sh -c \"sleep 0.05; echo rows: 7; echo rows: 3\"'\nexpect: {{{expect}}}")

    result = box.run("job")

    assert (result.exit_code, result.stderr) == (0, "")
    assert outcomes(box) == [("warned", reason)]
    assert detail in the_end(box)["detail"]


def test_a_miss_fails_with_1_when_the_file_says_so(box: Box) -> None:
    box.job("job", 'command: "true"\nexpect: {stdout_bytes: ">0", verdict: fail}')

    result = box.run("job")

    assert result.exit_code == 1
    assert result.stderr.startswith("job: failed: printed 0 bytes to stdout, expected >0 (run ")


def test_what_was_expected_and_came_says_nothing(box: Box) -> None:
    expect = r"number: {stdout: 'rows: (\d+)', at_least: 1}, stdout_bytes: '1-100', shorter_than: 1m"
    box.job("job", f"command: 'echo rows: 12'\nexpect: {{{expect}}}")

    assert box.run("job").exit_code == 0
    assert outcomes(box) == [("succeeded", None)]


def test_it_is_judged_once_for_all_commands_of_a_list(box: Box) -> None:
    box.job("job", 'command: [echo 12345, echo 12345]\nexpect: {stdout_bytes: "12"}')

    assert box.run("job").exit_code == 0
    assert outcomes(box) == [("succeeded", None)]


def test_each_attempt_has_to_write_the_file_anew(box: Box) -> None:
    file = Path(box.root / "dump")
    flag = box.root / "second"
    # The first attempt writes it and fails; the second exits well and writes nothing.
    box.job(
        "job",
        f"command: sh -c 'test -e {flag} && exit 0; touch {flag} {file}; exit 75'\n"
        f"retry: {{attempts: 2, delay: 0.2}}\nexpect: {{file: {{path: {file}}}, verdict: fail}}",
    )

    assert box.run("job").exit_code == 1
    assert [attempt["reason"] for attempt in ends(box)[0]["attempts"]] == ["exit_code", "expectation"]
