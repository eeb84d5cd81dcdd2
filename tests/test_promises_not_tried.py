"""What a session of tests says of promises that it could not try, and of what a test leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import PROJECT

TESTS = """
import os
import pytest

def test_a_promise_that_needs_more_than_there_is():
    pytest.skip("no such kernel here")

def test_a_promise_that_is_kept():
    pass
"""

LEAVES_A_DESCRIPTOR = """
import os

def test_that_forgets_to_close():
    os.open("/dev/null", os.O_RDONLY)
"""


def session(directory: Path, tests: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `tests` in a session of their own, with the fixtures and settings of this one."""
    (directory / "test_example.py").write_text(tests)
    path = f"{PROJECT / 'tests'}:{PROJECT / 'src'}"
    env = {**os.environ, "PYTHONPATH": path, "CI": "", **environment}
    command = [sys.executable, "-m", "pytest", "-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(directory)]
    command += ["-p", "conftest", "--noconftest", str(directory)]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)


def test_a_skipped_promise_is_named_at_the_end(tmp_path: Path) -> None:
    done = session(tmp_path, TESTS)

    assert done.returncode == 0, done.stdout
    assert "Promises not tried here" in done.stdout
    assert "a promise that needs more than there is (no such kernel here)" in done.stdout


def test_in_ci_a_skipped_promise_fails(tmp_path: Path) -> None:
    done = session(tmp_path, TESTS, CI="true")

    assert done.returncode == 1, done.stdout
    assert "with CI=true nothing may be skipped: no such kernel here" in done.stdout


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_descriptor_that_a_test_leaves_open_fails_it(tmp_path: Path, ci: str) -> None:
    done = session(tmp_path, LEAVES_A_DESCRIPTOR, CI=ci)

    assert done.returncode == 1, done.stdout
    assert "descriptors left behind by the test" in done.stdout
