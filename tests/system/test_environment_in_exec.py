"""A process that executes another program has no environment for a moment, and is found by it all the same."""

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from kit.events import Deadline, until
from kit.processes import environment_of, lives, pids
from process_control.system import proc

RUN_ID = "1m8execexecexec0"
AGAIN = "import os, sys; os.execve(sys.executable, sys.orig_argv, dict(os.environ))"
LOOK_SECONDS = 1.0
COUNT = 6


@pytest.fixture
def executing() -> Iterator[list[int]]:
    """Processes that execute themselves all the time, and interrupt each other on one processor."""
    before = os.sched_getaffinity(0)
    words, environment = ["/usr/bin/python3", "-I", "-S", "-c", AGAIN], {"PROCESS_CONTROL_RUN_ID": RUN_ID}
    os.sched_setaffinity(0, {min(before)})
    processes = [subprocess.Popen(words, env=environment) for _ in range(COUNT)]
    os.sched_setaffinity(0, before - {min(before)} or before)
    try:
        for each in processes:
            until(lambda each=each: RUN_ID.encode() in environment_of(each.pid), "it to be executed")
        yield [each.pid for each in processes]
    finally:
        os.sched_setaffinity(0, before)
        for each in processes:
            each.kill()
            each.wait()


def test_they_carry_the_id_of_their_run_at_each_look(executing: list[int]) -> None:
    limit, found = Deadline(LOOK_SECONDS), set[bool]()
    while not limit.passed():
        found |= {proc.carries(pid, RUN_ID) for pid in executing}

    assert found == {True}


def test_a_thread_of_the_kernel_and_a_process_that_has_ended_are_not_waited_for() -> None:
    of_the_kernel = [pid for pid in pids() if proc.parent_of(pid) == 2]
    with subprocess.Popen(["/bin/true"]) as ended:
        until(lambda: not lives(ended.pid), "it to end")
        began = time.monotonic()
        found = {proc.environment(pid) for pid in [ended.pid, *of_the_kernel[:20]]}
        took = time.monotonic() - began

    assert found == {b""}
    assert took < 10 * proc._EXEC_SECONDS
