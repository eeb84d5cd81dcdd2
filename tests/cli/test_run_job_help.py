"""`run-job --help`: one table of flags, and the reader of the command line knows the same ones."""

import pytest

from kit.harness import Box
from process_control.cli.run_job.flags import FLAGS, help_text
from process_control.cli.run_job.options import FLAGS as READ


def test_help_tells_every_flag_that_is_read_and_no_other() -> None:
    told = {name for flag in FLAGS for name in flag.names}

    assert told == set(READ)


def test_help_fits_one_screen() -> None:
    lines = help_text().splitlines()

    assert max(len(line) for line in lines) <= 80
    assert len(lines) <= 24


def test_help_needs_no_configuration(box: Box) -> None:
    assert box.configuration is not None
    box.configuration.unlink()

    result = box.run_job("--help")

    assert (result.stdout, result.stderr, result.exit_code) == (help_text(), "", 0)


def test_slow_start_has_the_letter_that_the_original_had(box: Box) -> None:
    box.job("feed", "command: echo all\nslow_start_command: echo one")

    assert box.run("feed", "-w").exit_code == 0
    assert box.log_bytes("feed") == b"one\n"


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--slow-strat", "did you mean --slow-start?"),
        ("--forc", "did you mean --force?"),
        ("--frobnicate", "run-job --help"),
        ("--no-wait", "run-job --help"),
        ("--unforce", "run-job --help"),
    ],
)
def test_only_an_option_that_is_nearly_the_same_is_proposed(box: Box, option: str, hint: str) -> None:
    result = box.run(option, "job")

    assert (result.exit_code, result.stderr) == (2, f"unknown option {option}\n  hint: {hint}\n")
