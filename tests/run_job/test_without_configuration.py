"""The first example works on a host where nothing is configured, as root and as anybody else."""

import os
import stat
from collections.abc import Callable

import pytest

from kit.harness import STRANGER, Box
from kit.runs import outcomes


@pytest.mark.needs_root
def test_root_without_any_configuration_runs_a_job_and_has_its_record(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False)
    box.job("hello", "command: echo Hello")

    result = box.run("hello")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert box.log_bytes("hello") == b"Hello\n"
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.needs_root
def test_an_unprivileged_user_without_any_configuration_runs_a_job_and_has_its_record(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(configured=False, user=STRANGER)
    box.job("hello", "command: id -un")

    result = box.run("hello")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert box.log_bytes("hello") == b"nobody\n"
    assert outcomes(box) == [("succeeded", None)]


def test_whoever_runs_the_tests_can_use_it_without_configuration(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False)
    box.job("hello", "command: [echo one, echo two]")

    result = box.run("hello")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("hello") == b"one\ntwo\n"


def test_state_is_for_its_owner_only_and_logs_for_owner_and_group(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False)
    box.job("hello", "command: echo Hello")

    box.run("hello")

    modes = {
        path.relative_to(box.root).name: stat.S_IMODE(os.stat(path).st_mode)
        for path in (
            box.state_directory,
            box.state_directory / "journal",
            box.state_directory / "run",
            box.output_directory,
        )
    }
    assert modes == {
        box.state_directory.name: 0o700,
        "journal": 0o700,
        "run": 0o700,
        box.output_directory.name: 0o750,
    }


def test_a_missing_job_directory_is_told_with_how_to_make_it(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False)

    result = box.run("hello")

    assert result.exit_code == 78
    assert (
        "the job directory does not exist\n  hint: set 'job_directory' in the configuration, or make it: install -d "
        in result.stderr
    )
