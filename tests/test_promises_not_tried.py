"""What a session of tests says of promises that it could not try, and of what a test leaves behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.harness import PROJECT

TESTS = """
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

def test_that_forgets_to_close(made_once):
    os.open("/dev/null", os.O_RDONLY)
"""

SIDE_BY_SIDE = ("--numprocesses", "2")
"""As `make test` runs them where there is more than one processor."""


def session(
    directory: Path, tests: str, *flags: str, zones: tuple[str, ...] = (), **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `tests` in a session of their own, with the fixtures and settings of this one; of `zones` the last counts."""
    (directory / "test_example.py").write_text(tests)
    path = f"{PROJECT / 'tests'}:{PROJECT / 'src'}"
    of_the_worker = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
    outer = {name: value for name, value in os.environ.items() if name not in of_the_worker}
    env = {**outer, "PYTHONPATH": path, "CI": "", **environment}
    command = [word for zone in zones for word in (str(PROJECT / "tests/kit/with_zone"), zone)]
    command += [sys.executable, "-m", "pytest", "-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(directory)]
    command += ["-p", "conftest", "--noconftest", *flags, str(directory)]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("flags", [(), SIDE_BY_SIDE], ids=["one by one", "side by side"])
@pytest.mark.parametrize("ci", ["", "true"])
def test_what_could_not_be_tried_is_named_or_fails_and_a_descriptor_left_open_fails(
    tmp_path: Path, ci: str, flags: tuple[str, ...]
) -> None:
    """One session for all of it: side by side each takes seconds to begin."""
    done = session(tmp_path, TESTS, *flags, CI=ci)

    assert done.returncode == 1, done.stdout
    assert "descriptors left behind by the test" in done.stdout
    assert (tmp_path / "made").read_text() == "made\n"
    if ci:
        assert "with CI=true nothing may be skipped: no such kernel here" in done.stdout
        assert outcomes(done.stdout) == {"failed": 1, "passed": 9, "error": 1}
    else:
        assert done.stdout.count("Promises not tried here") == 1
        assert "  a promise that needs more than there is (no such kernel here)\n" in done.stdout
        assert outcomes(done.stdout) == {"skipped": 1, "passed": 9, "error": 1}


def test_a_skipped_promise_alone_fails_nothing(tmp_path: Path) -> None:
    done = session(tmp_path, TESTS, "-k", "not forgets")

    assert done.returncode == 0, done.stdout


@pytest.mark.needs_root
@pytest.mark.parametrize(("zone", "outcome"), [("Europe/Berlin", "skipped"), ("Etc/UTC", "passed")])
def test_what_needs_utc_is_named_on_a_host_in_another_zone_which_may_be_another_one_for_root(
    tmp_path: Path, zone: str, outcome: str
) -> None:
    marked = "import pytest\n\n@pytest.mark.needs_utc\ndef test_that_needs_utc():\n    pass\n"

    done = session(tmp_path, marked, zones=("Asia/Kolkata", zone))

    assert outcomes(done.stdout) == {outcome: 1}, done
    assert ("needs a host whose time zone is UTC" in done.stdout) == (outcome == "skipped")


def outcomes(printed: str) -> dict[str, int]:
    """Return what the last line of pytest counts."""
    last = printed.strip().splitlines()[-1]
    return {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
