"""The product under `python -O`, which strips `assert`: its checks are `if … raise`, and hold.

The whole suite runs that way by `make test PYTHON_FLAGS=-O`; here, each time, a selection that looks at checks.
"""

import os
import subprocess
import sys

import pytest

from kit.harness import PROJECT, Box
from kit.installation import PYTHON_FLAGS

SELECTION = (
    "tests/test_optimized.py::test_every_process_of_a_run_has_the_flags_of_its_caller",
    "tests/cli/test_cron_generate.py",
)
#: Tests of that file that start processes: the others call the code in this process, which strips nothing.
WORDS = (
    "flags or on_a_terminal or real_interpreter or as_cron_would or names_none or would_not_find or opens_nothing or "
    "gets_its_crontab or anybody_else or cannot_read or killed_leaves"
)
TELLS = "tr '\\0' ' ' < /proc/$PPID/cmdline"


@pytest.mark.long
def test_the_promises_of_a_selection_hold_without_assert() -> None:
    environment = {**os.environ, "PROCESS_CONTROL_PYTHON_FLAGS": "-O"}
    command = [sys.executable, "-m", "pytest", "--quiet", "--no-header", *SELECTION, "-k", WORDS]

    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("via", ["script", "stub"])
def test_every_process_of_a_run_has_the_flags_of_its_caller(box: Box, via: str) -> None:
    """The runner is the parent of the job's process; a sub-job has a runner of its own."""
    box.job("inner", f'command: sh -c "{TELLS}; echo"')
    box.job("outer", f'command: [sh -c "{TELLS}; echo", run-job inner]')

    box.run("outer", via=via)
    launched = box.process_control("run", "inner", "--follow")

    lines = [line.split() for slug in ("outer", "inner") for line in box.log_bytes(slug).decode().splitlines()]
    assert launched.exit_code == 0
    assert len(lines) == 2
    assert [[word for word in words if word.startswith("-O")] for words in lines] == [PYTHON_FLAGS] * 2
    assert all("python" in words[0] for words in lines)
