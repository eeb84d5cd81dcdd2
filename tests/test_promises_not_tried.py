"""What a session of tests says of promises that it could not try, and of what a test leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.harness import PROJECT

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


SIDE_BY_SIDE = ("--numprocesses", "2")
"""As `make test` runs them where there is more than one processor."""

SHARES_A_FIXTURE = """
import os
import pytest

@pytest.fixture(scope="module")
def made_once():
    with open("made", "a") as file:
        file.write("made\\n")

@pytest.mark.parametrize("number", range(8))
def test_that_wants_what_is_made_once(made_once, number):
    pass

def test_a_promise_that_needs_more_than_there_is(made_once):
    pytest.skip("no such kernel here")
"""


def session(directory: Path, tests: str, *flags: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `tests` in a session of their own, with the fixtures and settings of this one."""
    (directory / "test_example.py").write_text(tests)
    path = f"{PROJECT / 'tests'}:{PROJECT / 'src'}"
    of_the_worker = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
    outer = {name: value for name, value in os.environ.items() if name not in of_the_worker}
    env = {**outer, "PYTHONPATH": path, "CI": "", **environment}
    command = [sys.executable, "-m", "pytest", "-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(directory)]
    command += ["-p", "conftest", "--noconftest", *flags, str(directory)]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("flags", [(), SIDE_BY_SIDE], ids=["one by one", "side by side"])
def test_a_skipped_promise_is_named_at_the_end(tmp_path: Path, flags: tuple[str, ...]) -> None:
    done = session(tmp_path, TESTS, *flags)

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Promises not tried here") == 1
    assert "  a promise that needs more than there is (no such kernel here)\n" in done.stdout


def test_side_by_side_what_tests_share_is_made_once_and_their_promises_keep_their_names(tmp_path: Path) -> None:
    done = session(tmp_path, SHARES_A_FIXTURE, *SIDE_BY_SIDE)

    assert done.returncode == 0, done.stdout
    assert (tmp_path / "made").read_text() == "made\n"
    assert "  a promise that needs more than there is (no such kernel here)\n" in done.stdout


@pytest.mark.parametrize("flags", [(), SIDE_BY_SIDE], ids=["one by one", "side by side"])
def test_in_ci_a_skipped_promise_fails(tmp_path: Path, flags: tuple[str, ...]) -> None:
    done = session(tmp_path, TESTS, *flags, CI="true")

    assert done.returncode == 1, done.stdout
    assert "with CI=true nothing may be skipped: no such kernel here" in done.stdout


@pytest.mark.parametrize("flags", [(), SIDE_BY_SIDE], ids=["one by one", "side by side"])
@pytest.mark.parametrize("ci", ["", "true"])
def test_a_descriptor_that_a_test_leaves_open_fails_it(tmp_path: Path, ci: str, flags: tuple[str, ...]) -> None:
    done = session(tmp_path, LEAVES_A_DESCRIPTOR, *flags, CI=ci)

    assert done.returncode == 1, done.stdout
    assert "descriptors left behind by the test" in done.stdout
